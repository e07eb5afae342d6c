// The picker works without this: it adds drag and drop, and says what was chosen.
(() => {
  const form = document.getElementById("drop"), input = document.getElementById("files");
  const said = document.getElementById("chosen"), button = document.getElementById("send");
  const most = Number(input.dataset.size);
  function chosen() {
    const files = [...input.files];
    const large = files.reduce((sum, file) => sum + file.size, 0) > most;
    said.textContent = large ? said.dataset.large : files.map((file) => file.name).join(", ");
    said.classList.toggle("problem", large);
    button.disabled = large;
    return files.length > 0 && !large;
  }
  function over(event) {
    event.preventDefault();
    form.classList.add("over");
  }
  form.addEventListener("dragover", over);
  form.addEventListener("dragenter", over);
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    input.files = event.dataTransfer.files;
    if (chosen()) form.requestSubmit();
  });
  input.addEventListener("change", chosen);
  form.addEventListener("submit", () => { said.textContent = said.dataset.sending; });
  input.required = true;
  if (input.files.length) chosen(); // before this script was there, or kept by the browser on the way back
})();
