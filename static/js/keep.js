/* What a person opened or switched (`data-keep`, a name unique on the page) stays so when a new range replaces it. */
(() => {
  "use strict";
  const kept = new Set();
  const isOn = (element) => (element.tagName === "DETAILS" ? element.open : element.checked);

  const turnOn = (element) => {
    if (element.tagName === "DETAILS") element.open = true;
    else element.checked = true;
  };

  const note = (event) => {
    const element = event.target;
    if (!element.dataset?.keep) return;
    if (isOn(element)) kept.add(element.dataset.keep);
    else kept.delete(element.dataset.keep);
  };

  document.addEventListener("change", note);
  document.addEventListener("toggle", note, true);
  document.addEventListener("htmx:afterSwap", () => {
    for (const element of document.querySelectorAll("[data-keep]")) {
      if (kept.has(element.dataset.keep)) turnOn(element);
    }
  });
})();
