// The page reads without this: it only filters the table of mistakes.
(() => {
  const form = document.getElementById("filters");
  if (!form) return;
  const rows = [...document.querySelectorAll("#rows > tr")];
  const field = (id) => document.getElementById(id);
  const said = field("listed"), none = field("no-fit");
  const words = {{ t("listed", n="%n")|tojson }};
  function filter() {
    const text = field("find").value.trim().toLowerCase();
    let listed = 0;
    for (const row of rows) {
      const same = ["wanted", "got", "split"].every((id) => !field(id)?.value || row.dataset[id] === field(id).value);
      row.hidden = !(same && (!text || row.textContent.toLowerCase().includes(text)));
      listed += !row.hidden;
    }
    said.textContent = words.replace("%n", listed);
    none.hidden = listed > 0;
  }
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
})();
