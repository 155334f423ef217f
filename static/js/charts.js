/* Draws every figure that the page carries (`data-figure`), and is the only caller of Plotly.
   Figures name design tokens where they mean colours; they are looked up here, so a change of theme is a new drawing.
   Nothing can be clicked, dragged or sent anywhere; a figure that cannot be drawn gives way to its card's message. */
(() => {
  "use strict";
  const DAY_NAMES = [...Array(7)].map((_, day) => new Date(2023, 0, day + 1)); // 1 January 2023 was a Sunday
  const MONTH_NAMES = [...Array(12)].map((_, month) => new Date(2023, month, 1));
  const language = document.documentElement.lang || "en";
  const drawn = new Set();

  // --- Look ------------------------------------------------------------------------------------------------------
  const CONFIG = {
    displayModeBar: false,
    displaylogo: false,
    doubleClick: false,
    editable: false,
    locale: "page",
    plotlyServerURL: "",
    responsive: true,
    scrollZoom: false,
    sendData: false,
    showSendToCloud: false,
    showTips: false,
    typesetMath: false,
  };

  const look = () => ({
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "var(--font)", size: 12, color: "var(--text-muted)" },
    hoverlabel: {
      bgcolor: "var(--surface-raised)",
      bordercolor: "var(--border-strong)",
      font: { family: "var(--font)", size: 13, color: "var(--text)" },
      align: "left",
      namelength: -1,
    },
    showlegend: false,
    dragmode: false,
    clickmode: "none",
  });

  // Only where a colour or a font stands: somebody may have called a workflow "var(--text)".
  const isToken = (key, value) =>
    /color|colors|family$/.test(key) && typeof value === "string" && /^var\(--[\w-]+\)$/.test(value);

  const resolve = (value, styles, key = "") => {
    if (Array.isArray(value)) return value.map((item) => resolve(item, styles, key));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, resolve(item, styles, name)]));
    }
    return isToken(key, value) ? styles.getPropertyValue(value.slice(4, -1)).trim() : value;
  };

  const figureOf = (canvas) => {
    const figure = JSON.parse(canvas.dataset.figure);
    const styles = getComputedStyle(canvas);
    return { data: resolve(figure.data, styles), layout: resolve({ ...look(), ...figure.layout }, styles) };
  };

  // --- Language --------------------------------------------------------------------------------------------------
  const dayNames = (weekday) => {
    const format = new Intl.DateTimeFormat(language, { weekday });
    return DAY_NAMES.map((date) => format.format(date));
  };

  // As they are written behind a day: some languages spell them otherwise where they stand alone.
  const monthNames = (month) => {
    const format = new Intl.DateTimeFormat(language, { day: "numeric", month });
    return MONTH_NAMES.map((date) => format.formatToParts(date).find((part) => part.type === "month").value);
  };

  const registerLanguage = (dayMonth = "%-d %b") => {
    window.Plotly.register({
      moduleType: "locale",
      name: "page",
      dictionary: {},
      format: {
        days: dayNames("long"),
        shortDays: dayNames("short"),
        months: monthNames("long"),
        shortMonths: monthNames("short"),
        date: `${dayMonth} %Y`,
        year: "%Y",
        month: "%b %Y",
        dayMonth,
        dayMonthYear: `${dayMonth} %Y`,
      },
    });
  };

  // --- Plotly's own script: there after the page's, or fetched again by Try again ------------------------------------
  let loading = null;

  const plotly = () => {
    if (window.Plotly) return Promise.resolve();
    loading ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = document.querySelector("script[data-plotly]").src;
      script.addEventListener("load", done);
      script.addEventListener("error", () => {
        script.remove();
        loading = null;
        failed(new Error("The chart library could not be loaded."));
      });
      document.head.append(script);
    });
    return loading;
  };

  // --- Drawing ---------------------------------------------------------------------------------------------------
  const show = (canvas, state) => {
    canvas.dataset.state = state; // drawing, drawn or failed: the style sheet shows the card's matching part
    const failure = canvas.parentElement.querySelector("[data-failure]");
    if (failure) failure.hidden = state !== "failed";
  };

  const draw = async (canvas) => {
    try {
      await plotly();
      if (!canvas.isConnected) return;
      if (drawn.size === 0) registerLanguage(canvas.dataset.dayMonth);
      const { data, layout } = figureOf(canvas);
      await window.Plotly.react(canvas, data, layout, CONFIG);
      canvas.querySelector("[data-skeleton]")?.remove();
      drawn.add(canvas);
      show(canvas, "drawn");
    } catch (error) {
      show(canvas, "failed");
      console.warn(error);
    }
  };

  const forget = (canvas) => {
    if (drawn.delete(canvas)) window.Plotly.purge(canvas);
  };

  const within = (element, selector) =>
    element.matches(selector) ? [element] : [...element.querySelectorAll(selector)];

  const setUp = (element) => {
    for (const canvas of within(element, "[data-figure]")) {
      if (canvas.dataset.state) continue;
      show(canvas, "drawing");
      setTimeout(() => draw(canvas)); // one chart at a time, so that the page stays responsive
    }
  };

  // --- Pictures --------------------------------------------------------------------------------------------------
  const save = (button) => {
    const canvas = button.closest("[data-chart]").querySelector("[data-figure]");
    if (!drawn.has(canvas)) return;
    const { data, layout } = figureOf(canvas);
    const color = (token) => getComputedStyle(canvas).getPropertyValue(token).trim();
    const { width, height } = canvas.getBoundingClientRect();
    window.Plotly.downloadImage(
      {
        data,
        layout: {
          ...layout,
          paper_bgcolor: color("--surface"),
          title: {
            text: canvas.dataset.title,
            subtitle: { text: canvas.dataset.lead, font: { size: 12, weight: 400, color: color("--text-muted") } },
            x: 0,
            xref: "container",
            xanchor: "left",
            pad: { l: 20 },
            font: { size: 16, weight: 600, color: color("--text") },
          },
          margin: { ...layout.margin, l: 20, r: 20, t: 72, b: 32 },
        },
        config: CONFIG,
      },
      { format: "png", filename: button.dataset.picture, width: Math.max(width, 640), height: height + 80, scale: 2 },
    );
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-picture]");
    if (button) save(button);
  });
  document.addEventListener("themechange", () => {
    for (const canvas of drawn) draw(canvas);
  });
  document.addEventListener("htmx:load", (event) => setUp(event.detail.elt));
  document.addEventListener("htmx:beforeCleanupElement", (event) => {
    if (event.detail.elt.matches?.("[data-figure]")) forget(event.detail.elt);
  });
  setUp(document.body);
})();
