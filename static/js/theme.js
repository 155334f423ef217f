/* The theme a person chose in this browser: "light", "dark" or, without a choice, the system's.
   Runs in the head before anything is painted. Tells the page by the event `themechange` on the document, which is
   sent for a change of the system's theme too. */
(() => {
  "use strict";
  const KEY = "theme";
  const root = document.documentElement;

  const stored = () => {
    try {
      const value = localStorage.getItem(KEY);
      return value === "light" || value === "dark" ? value : "system";
    } catch {
      return "system"; // storage can be forbidden; the system's theme is then the only one
    }
  };

  const store = (choice) => {
    try {
      if (choice === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, choice);
    } catch {
      // Forbidden storage: the choice holds for this page.
    }
  };

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

  apply(stored());

  document.addEventListener("DOMContentLoaded", () => mark(stored()));
  document.addEventListener("change", (event) => {
    if (!event.target.matches("input[data-theme-choice]")) return;
    store(event.target.value);
    change(event.target.value);
  });
  window.addEventListener("storage", (event) => {
    if (event.key === KEY || event.key === null) change(stored());
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) change(stored());
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
})();
