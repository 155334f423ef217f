/* The theme a person chose: "light", "dark" or the system's. Signed in, the server says which one is saved for the
   person (`data-saved-theme` on the root); the browser remembers it for the pages before sign-in. A choice made here
   is shown at once and sent to the server by the form around it; until that is answered it wins over what pages say.
   Runs in the head before anything is painted. Tells the page by the event `themechange` on the document, which is
   sent for a change of the system's theme too. */
(() => {
  "use strict";
  const KEY = "theme";
  const UNSENT = "theme-unsent";
  const root = document.documentElement;
  const clean = (value) => (value === "light" || value === "dark" ? value : "system");

  const read = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // storage can be forbidden; what the server says is then all there is
    }
  };

  const write = (key, value) => {
    try {
      if (value === null) localStorage.removeItem(key);
      else localStorage.setItem(key, value);
    } catch {
      // Forbidden storage: the choice holds for this page, and on the server.
    }
  };

  const current = () => clean(read(UNSENT) ?? root.dataset.savedTheme ?? read(KEY));

  const apply = (choice) => {
    if (choice === "system") delete root.dataset.theme;
    else root.dataset.theme = choice;
  };

  const mark = (choice) => {
    for (const input of document.querySelectorAll("input[data-theme-choice]")) {
      input.checked = input.value === choice;
    }
  };

  const announce = () => document.dispatchEvent(new CustomEvent("themechange"));

  const change = (choice) => {
    apply(choice);
    mark(choice);
    announce();
  };

  const send = async (form) => {
    const sent = read(UNSENT);
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), keepalive: true });
      if (answer.ok && read(UNSENT) === sent) write(UNSENT, null);
    } catch {
      // Without a network the choice stays unsent, and is sent with the next page.
    }
  };

  const choose = (input) => {
    write(KEY, input.value);
    write(UNSENT, input.value);
    root.dataset.savedTheme = input.value;
    change(input.value);
    send(input.form);
  };

  if (!root.dataset.savedTheme) write(UNSENT, null); // nobody is signed in: the choice was somebody's before
  apply(current());
  write(KEY, current());

  document.addEventListener("DOMContentLoaded", () => {
    mark(current());
    const form = document.querySelector("form[data-theme-form]");
    if (form && read(UNSENT) !== null) send(form);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[data-theme-choice]")) choose(event.target);
  });
  window.addEventListener("storage", (event) => {
    if (event.key !== KEY || event.newValue === null) return;
    if (root.dataset.savedTheme) root.dataset.savedTheme = clean(event.newValue);
    change(clean(event.newValue));
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) change(current());
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
})();
