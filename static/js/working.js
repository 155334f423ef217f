/* A form whose answer takes a while says so (`data-working`, the words): a bar, and nobody sends it twice. Without
   scripts the browser's own sign has to do. */
(() => {
  "use strict";
  const show = (form, words) => {
    form.toggleAttribute("data-sent", Boolean(words));
    for (const button of form.querySelectorAll("[type=submit]")) {
      if (words) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
    form.querySelector("[data-working] > p").textContent = words;
    form.querySelector("[data-working] > progress").hidden = !words;
  };

  document.addEventListener("submit", (event) => {
    const working = event.target.querySelector("[data-working]");
    if (!working) return;
    if (event.target.hasAttribute("data-sent")) event.preventDefault();
    else show(event.target, working.dataset.working);
  });

  // Back from the answer: the page may be shown as it was left.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) show(form, "");
  });
})();
