// Presets for the list of rungs; the boxes work without them.
(() => {
  const presets = document.querySelector(".presets");
  presets.hidden = false;
  presets.addEventListener("click", (event) => {
    const steps = event.target.dataset.steps;
    if (steps === undefined) return;
    for (const box of document.querySelectorAll("[data-step]")) box.checked = steps.split(",").includes(box.dataset.step);
  });
})();
