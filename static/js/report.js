/* The part of the page that a new range replaces (`data-report`): says that it is being loaded, what it shows then, and
   when it could not be loaded; what was there stays readable meanwhile. */
(() => {
  "use strict";
  const report = document.querySelector("[data-report]");
  const announcer = document.querySelector("[data-announcer]");
  const toast = document.querySelector("[data-toast]");
  let failed = null;

  const text = (selector) => report.querySelector(selector)?.textContent ?? "";
  const busy = (is) => report.setAttribute("aria-busy", String(is));

  const hide = () => {
    toast.hidden = true;
    failed = null;
  };

  const fail = (event) => {
    busy(false);
    failed = event.detail.elt;
    toast.hidden = false;
  };

  const again = () => {
    const element = failed;
    hide();
    if (element?.tagName === "FORM") element.requestSubmit();
    else element?.click();
  };

  document.addEventListener("htmx:beforeRequest", () => {
    hide();
    busy(true);
  });
  document.addEventListener("htmx:afterRequest", () => busy(false));
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === report) announcer.textContent = `${text("[data-stamp-range]")}. ${text("[data-stamp-as-of]")}`;
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, fail);
  toast.querySelector("[data-toast-retry]").addEventListener("click", again);
  toast.querySelector("[data-toast-close]").addEventListener("click", hide);
})();
