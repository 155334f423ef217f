/* A page that shows a secret once (`data-once`, whose value is where the page lives from now on): the address becomes
   that one, so that a reload asks for it and not for a second secret; and when the page is left the secret goes out of
   it, so that *back* does not show it again. */
(() => {
  "use strict";
  const page = document.querySelector("[data-once]");
  history.replaceState(null, "", page.dataset.once);
  addEventListener("pagehide", () => page.remove());
})();
