// The charts are whole without this: it reads their marks out, and counts totals for another number of requests.
(() => {
  const tip = document.getElementById("tip");
  const marks = [...document.querySelectorAll(".chart [data-tip]")];
  const rung = (mark) => mark.dataset.tip.split(":")[0];
  function show(mark) {
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const at = mark.getBoundingClientRect();  // 16 px away: between stands the mark's name
    const left = Math.min(Math.max(8, at.left + at.width / 2 - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 8);
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(at.top > tip.offsetHeight + 20 ? at.top - tip.offsetHeight - 16 : at.bottom + 16) + scrollY}px`;
    mark.classList.add("pointed");
  }
  function hide(mark) {
    tip.hidden = true;
    mark.classList.remove("pointed");
  }
  const rows = new Map([...document.querySelectorAll(".ladder th a")].map((link) => [link.textContent, link]));
  for (const mark of marks) {
    mark.setAttribute("tabindex", "0");
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", mark.dataset.tip);
    mark.addEventListener("pointerenter", () => show(mark));
    mark.addEventListener("pointerleave", () => hide(mark));
    mark.addEventListener("focus", () => show(mark));
    mark.addEventListener("blur", () => hide(mark));
    const link = rows.get(rung(mark).split("/")[0]);
    if (!link) continue;
    mark.classList.add("leads");
    mark.addEventListener("click", () => link.click());
    mark.addEventListener("keydown", (event) => event.key === "Enter" && link.click());
  }
  for (const svg of document.querySelectorAll(".chart:has([data-tip])")) svg.setAttribute("role", "group");
  addEventListener("keydown", (event) => event.key === "Escape" && (tip.hidden = true));

  for (const control of document.querySelectorAll("[data-submit]"))
    control.addEventListener("change", () => control.form.requestSubmit());
  for (const button of document.querySelectorAll(".nojs")) button.hidden = true;

  const slider = document.getElementById("volume");
  if (!slider) return;
  const said = document.getElementById("volume-said"), body = document.querySelector("#totals tbody");
  const units = [["E", 1e18], ["P", 1e15], ["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]];
  function flops(value) {
    const [prefix, size] = units.find(([, size]) => value >= size) ?? ["", 1];
    return value === 0 ? "0" : `${Number((value / size).toPrecision(value / size >= 9.95 ? 3 : 2))} ${prefix}FLOP`;
  }
  function count() {
    const volume = Math.round(10 ** (slider.value / 10));
    const shown = Number(volume.toPrecision(2));
    said.textContent = shown.toLocaleString(document.documentElement.lang);
    slider.setAttribute("aria-valuetext", said.textContent);
    const total = (row) => Number(row.dataset.build) + shown * Number(row.dataset.each);
    const sorted = [...body.rows].sort((one, two) => total(one) - total(two));
    for (const row of sorted) row.querySelector(".total").textContent = flops(total(row));
    body.append(...sorted);
  }
  slider.addEventListener("input", count);
})();
