/* A button (`data-copy`) that copies the text (`data-copy-text`) of the part of the page it stands in (`data-copy-from`)
   and says so in words that are read aloud (`data-copy-said`). Where the browser does not let scripts copy, as on pages
   without TLS, the text is chosen, so that the keyboard copies it. */
(() => {
  "use strict";
  const SAID_FOR_MS = 2500;
  const timers = new WeakMap();

  const choose = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  const copy = async (element) => {
    try {
      await navigator.clipboard.writeText(element.textContent);
      return true;
    } catch {
      choose(element);
      return document.execCommand("copy"); // deprecated, and all there is without TLS
    }
  };

  const say = (element, words) => {
    clearTimeout(timers.get(element));
    element.textContent = words;
    timers.set(element, setTimeout(() => { element.textContent = ""; }, SAID_FOR_MS));
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const part = button.closest("[data-copy-from]");
    const copied = await copy(part.querySelector("[data-copy-text]"));
    say(part.querySelector("[data-copy-said]"), copied ? button.dataset.copied : button.dataset.notCopied);
  });
})();
