/* Choosing rows of a list (`data-selection`): one box for all of the page (`data-select-all`), and how many are chosen
   (`data-selected-count`). What can be done with them is shown by the style sheet, also without this script. */
(() => {
  "use strict";
  const boxes = (list) => [...list.querySelectorAll("[data-select]")];

  const show = (list) => {
    const all = boxes(list);
    const chosen = all.filter((box) => box.checked).length;
    const master = list.querySelector("[data-select-all]");
    if (!master) return; // an empty list has no boxes
    master.checked = chosen > 0 && chosen === all.length;
    master.indeterminate = chosen > 0 && chosen < all.length;
    list.querySelector("[data-selected-count]").textContent = chosen;
  };

  const setUp = (element) => {
    for (const list of element.querySelectorAll("[data-selection]")) show(list);
  };

  document.addEventListener("change", (event) => {
    const list = event.target.closest?.("[data-selection]");
    if (!list) return;
    if (event.target.matches("[data-select-all]")) {
      for (const box of boxes(list)) box.checked = event.target.checked;
    }
    show(list);
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-select-none]")) return;
    const list = event.target.closest("[data-selection]");
    for (const box of boxes(list)) box.checked = false;
    show(list);
    list.querySelector("[data-select-all]").focus();
  });
  document.addEventListener("htmx:load", (event) => setUp(event.detail.elt.parentElement ?? document));
  window.addEventListener("pageshow", () => setUp(document));
})();
