/* Menus that open as popovers (`data-menu`): arrow keys walk through them, choosing something closes them.
   Opening, Escape and a click beside them are the browser's own. */
(() => {
  "use strict";
  const STEPS = { ArrowDown: 1, ArrowUp: -1 };

  const walk = (menu, event) => {
    const items = [...menu.querySelectorAll(".menu__item")];
    const here = items.indexOf(document.activeElement);
    if (here === -1 || !(event.key in STEPS)) return;
    event.preventDefault();
    items[(here + STEPS[event.key] + items.length) % items.length].focus();
  };

  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("[data-menu]");
    if (menu) walk(menu, event);
  });
  // Closed before htmx asks, so that the focus is back on the button when the answer replaces it.
  const close = (event) => event.target.closest("[data-menu]:popover-open")?.hidePopover();
  document.addEventListener("click", (event) => {
    if (event.target.closest(".menu__item") && !event.ctrlKey && !event.metaKey && !event.shiftKey) close(event);
  }, true);
  document.addEventListener("submit", close, true);
})();
