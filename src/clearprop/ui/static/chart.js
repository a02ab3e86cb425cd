// A thin layer over Plotly: theme, resizing, escaped texts, and for every chart a table of its numbers.

import { el, table } from "clearprop/dom.js";

// Nothing of a chart can be moved: what lies under a picture, and its table, would not follow.
const CONFIG = {
  displayModeBar: false,
  responsive: false,
  showTips: false,
  doubleClick: false,
  showAxisDragHandles: false,
};
export const SYMBOLS = [
  "circle",
  "square",
  "diamond",
  "triangle-up",
  "cross",
  "x",
  "star",
  "pentagon",
  "hexagon",
  "bowtie",
];

// Plotly reads a few tags in texts; names from data are to be read as they are.
export const escape = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

let loading = null;

// Plotly itself, asked for after the first paint. In a recorded file it is there already.
function plotly() {
  loading ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const ask = () => {
      const script = el("script", { src: "/static/plotly.min.js" });
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => reject(new Error("The charts' script could not be loaded."));
      document.head.append(script);
    };
    requestAnimationFrame(() => setTimeout(ask, 0));
  });
  return loading;
}

let colours = null;

// The colour of a custom property as it is in the theme in force.
export function colour(name) {
  colours ??= new Map();
  if (!colours.has(name)) {
    const probe = el("span", { hidden: true, style: { color: `var(--${name})` } });
    document.body.append(probe);
    colours.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return colours.get(name);
}

export const classColour = (index) => colour(`class-${index % 10}`);

const channels = (text) =>
  text
    .match(/[\d.]+/g)
    .slice(0, 3)
    .map(Number);

// `share` of the first colour over the second.
export function mix(first, second, share) {
  const under = channels(second);
  return `rgb(${channels(first)
    .map((value, i) => Math.round(share * value + (1 - share) * under[i]))
    .join(",")})`;
}

const charts = new Set();

export function themeChanged() {
  colours = null;
  for (const chart of charts) chart.redraw();
}

const axis = ({ title, ...extra } = {}) => ({
  title: { standoff: 6, font: { size: 12, color: colour("muted") }, ...title },
  gridcolor: colour("line"),
  linecolor: colour("line"),
  tickcolor: colour("line"),
  zeroline: false,
  automargin: true,
  ticks: "outside",
  ticklen: 4,
  nticks: 6,
  ...extra,
});

function themed(layout) {
  const { xaxis, yaxis, legend, ...rest } = layout;
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 8, r: 16, t: 8, b: 8 }, // to the right, half of the last number
    showlegend: false,
    font: { family: "system-ui, sans-serif", size: 12, color: colour("muted") },
    hovermode: "closest",
    dragmode: false,
    hoverlabel: { bgcolor: colour("page"), bordercolor: colour("control"), font: { color: colour("ink"), size: 12 } },
    xaxis: axis(xaxis),
    yaxis: axis(yaxis),
    ...rest,
    legend: {
      orientation: "h",
      y: 1.02,
      yanchor: "bottom",
      x: 0,
      itemclick: false,
      itemdoubleclick: false,
      font: { color: colour("ink"), size: 12 },
      ...legend,
      title: { font: { size: 12 }, ...legend?.title },
    },
  };
}

// The heading of a figure with the button that turns it into a table.
export function withTable(title, picture, makeTable, attributes = {}) {
  const twin = el("div", {
    class: "twin",
    hidden: true,
    tabindex: "0",
    role: "region",
    "aria-label": `${title}, as a table`,
  });
  const label = el("span", {}, "Show as table");
  const button = el("button", { type: "button", class: "quiet" }, el("span", { class: "unseen" }, `${title}: `), label);
  const fill = () => twin.replaceChildren(...[makeTable()].flat());
  button.addEventListener("click", () => {
    const shows = twin.hidden;
    twin.hidden = !shows;
    picture.hidden = shows;
    label.textContent = shows ? "Show as chart" : "Show as table";
    if (shows) fill();
    else figure.dispatchEvent(new Event("picture"));
  });
  const figure = el("figure", attributes, el("div", { class: "head" }, el("h3", {}, title), button), picture, twin);
  figure.refreshTable = () => {
    if (!twin.hidden) fill();
  };
  return figure;
}

export class Chart {
  // `height` in pixels; what the chart shows is said to screen readers by `label` in `draw`.
  constructor(title, height) {
    this.ground = el("div"); // what changes under a picture that stays
    this.plot = el("div");
    this.picture = el("div", { class: "plot", role: "img", "aria-label": title }, this.ground, this.plot);
    this.figure = withTable(title, this.picture, () => this.makeTable(), { style: { "--height": `${height}px` } });
    this.make = null;
    this.drawing = Promise.resolve(); // the last one, whether it succeeds or not
    this.next = null; // one that waits for it
    this.figure.addEventListener("picture", () => this.redraw());
    new ResizeObserver(() => this.resize()).observe(this.picture);
    charts.add(this);
    plotly().catch(() => {}); // it comes while numbers are on their way; drawing tells if it does not
  }

  // `make()` gives {traces, layout, label, tables}, and is asked again when the theme changes; `tables()` gives a list
  // of [caption, columns, rows]. `ground`, if it gives that too, holds traces that lie underneath, within the same
  // axes: they alone are drawn where nothing else is new, for points by the hundred take longer than all the rest.
  async draw(make) {
    this.make = make;
    await this.redraw();
  }

  // Draw once the drawing under way is done, for Plotly does not end one before it begins another. Whoever asks
  // meanwhile gets the same drawing, of what was asked for last.
  redraw() {
    this.next ??= this.drawing.then(() => {
      this.next = null;
      return this.drawNow();
    });
    this.drawing = this.next.catch(() => {}); // those who asked are told
    return this.next;
  }

  async drawNow() {
    if (!this.make) return;
    const { traces, layout, label, ground } = this.make();
    this.picture.setAttribute("aria-label", label);
    this.figure.refreshTable();
    const library = await plotly();
    const { clientWidth: width, clientHeight: height } = this.picture;
    this.width = width;
    if (!width) return; // hidden: drawn when it is shown
    const whole = { ...themed(layout), width, height };
    const drawn = ground && JSON.stringify([traces, whole]);
    if (!ground || this.drawn !== drawn) await library.react(this.plot, traces, whole, CONFIG);
    this.drawn = drawn;
    await this.drawGround(library, ground ?? [], whole);
    this.picture.dataset.drawn = String(Number(this.picture.dataset.drawn ?? 0) + 1);
  }

  async drawGround(library, traces, { xaxis, yaxis, ...rest }) {
    if (!traces.length && !this.ground.children.length) return;
    const { l, r, t, b } = this.plot._fullLayout._size; // where Plotly has put the axes
    const bare = { visible: false, automargin: false };
    const axes = { xaxis: { ...xaxis, ...bare }, yaxis: { ...yaxis, ...bare } };
    await library.react(
      this.ground,
      traces,
      { ...rest, ...axes, margin: { l, r, t, b }, showlegend: false },
      { ...CONFIG, staticPlot: true },
    );
  }

  resize() {
    if (this.make && this.picture.clientWidth && this.picture.clientWidth !== this.width) this.redraw();
  }

  makeTable() {
    return this.make
      ? this.make()
          .tables()
          .map((item) => table(...item))
      : el("p", {}, "Nothing to show yet.");
  }
}
