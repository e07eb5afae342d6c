// Forms work without this: it sends them when a choice changes, and shows that an answer is on its way.
for (const control of document.querySelectorAll("[data-submit]"))
  control.addEventListener("change", () => control.form.requestSubmit());
for (const form of document.querySelectorAll("[data-once]"))
  form.addEventListener("submit", () => {
    const button = form.querySelector("[data-busy]");
    button.textContent = button.dataset.busy;
    button.disabled = true;
  });
// A page that the browser kept aside (the way back) must not come back with its button asleep.
addEventListener("pageshow", (event) => event.persisted && location.reload());
