/* The part of the page that a new range replaces (`data-report`): says that it is being loaded, what it shows then, and
   when it could not be loaded; what was there stays readable meanwhile. Of several requests under way only the latest
   counts: an older answer that comes later is dropped. (Aborting it would be an error in the console.) */
(() => {
  "use strict";
  const report = document.querySelector("[data-report]");
  const announcer = document.querySelector("[data-announcer]");
  const toast = document.querySelector("[data-toast]");
  let latest = null;
  let failed = null;

  const text = (selector) => report.querySelector(selector)?.textContent ?? "";
  const busy = (is) => report.setAttribute("aria-busy", String(is));
  const isOneChart = (event) => event.detail.target.matches("[data-chart]"); // concerns nothing else
  const isLatest = (event) => event.detail.xhr === latest || isOneChart(event);

  const hide = () => {
    toast.hidden = true;
    failed = null;
  };

  const again = () => {
    const element = failed;
    hide();
    if (element?.tagName === "FORM") element.requestSubmit();
    else element?.click();
  };

  document.addEventListener("htmx:beforeSend", (event) => {
    hide();
    if (isOneChart(event)) return;
    latest = event.detail.xhr;
    busy(true);
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!isLatest(event)) event.preventDefault();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr === latest) busy(false);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== report) return;
    announcer.textContent = `${text("[data-stamp-range]")}. ${text("[data-stamp-as-of]")}`;
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      if (!isLatest(event)) return;
      failed = event.detail.elt;
      toast.hidden = false;
    });
  }
  toast.querySelector("[data-toast-retry]").addEventListener("click", again);
  toast.querySelector("[data-toast-close]").addEventListener("click", hide);
})();
