// The network as a picture: one column a layer, weights as lines, wider for larger ones and dashed for negative ones.

import { svg, el, format } from "clearprop/dom.js";

const TOP = 30,
  BOTTOM = 26,
  SIDE = 48; // around the units, in pixels
const CHARACTER = 6.2; // pixels of one, about
const WIDEST = 4.5; // line

// What stands for weights that are no matrix between two layers, such as filters, or have boxes in between.
function band(before, after, left, right, y) {
  const last = (layer) => layer.shown.length - 1;
  const corners = [
    [left, y(before, 0)],
    [right, y(after, 0)],
    [right, y(after, last(after))],
    [left, y(before, last(before))],
  ];
  return svg("polygon", { class: "joined", points: corners.map((corner) => corner.join(",")).join(" ") });
}

export class Diagram {
  constructor() {
    this.svg = svg("svg", { class: "diagram" });
    this.root = el("div", { class: "plot", role: "img", "aria-label": "Network" }, this.svg);
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  show(diagram) {
    this.diagram = diagram;
    const layers = diagram.layers.map((layer) => `${layer.name} with ${layer.n_units} units`);
    this.root.setAttribute("aria-label", `Network: ${layers.join(", ")}`);
    this.draw();
  }

  draw() {
    const [width, height] = [this.root.clientWidth, this.root.clientHeight];
    if (!this.diagram || !width) return;
    const { layers, edges } = this.diagram;
    const place = new Map(layers.map((layer, i) => [layer.name, i]));
    const x = (i) => (layers.length > 1 ? SIDE + (i * (width - 2 * SIDE)) / (layers.length - 1) : width / 2);
    const room = height - TOP - BOTTOM;
    const named = spread(layers, (x(1) - x(0)) / CHARACTER);
    const y = (layer, unit) =>
      TOP + room / 2 + (unit - (layer.shown.length - 1) / 2) * Math.min(room / layer.shown.length, 56);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const joined = new Set(edges.map((edge) => edge.to));
    this.svg.replaceChildren(
      ...layers
        .slice(1)
        .map((layer, i) => !joined.has(layer.name) && band(layers[i], layer, x(i), x(i + 1), y))
        .filter(Boolean),
      svg(
        "g",
        { fill: "none" },
        edges.flatMap((edge) => this.lines(edge, layers, place, x, y)),
      ),
      ...layers.map((layer, i) =>
        this.column(
          layer,
          x(i),
          (unit) => y(layer, unit),
          Math.max(Math.min(room / layer.shown.length / 2 - 2, 12), 4),
          named.has(i) ? height : null,
        ),
      ),
    );
  }

  lines(edge, layers, place, x, y) {
    const [start, end] = [place.get(edge.from), place.get(edge.to)];
    const largest = Math.max(
      ...edge.weights
        .flat()
        .map((weight) => Math.abs(Number(weight)))
        .filter(Number.isFinite),
      1e-12,
    );
    return edge.weights.flatMap((row, i) =>
      row.map((weight, j) => {
        const size = Math.abs(Number(weight)) / largest;
        const line = svg("line", {
          x1: x(start),
          y1: y(layers[start], i),
          x2: x(end),
          y2: y(layers[end], j),
          class: weight < 0 ? "negative" : "positive",
          "stroke-width": (0.4 + WIDEST * size).toFixed(2),
          "stroke-opacity": (0.08 + 0.75 * size ** 1.5).toFixed(2),
        });
        line.append(svg("title", {}, document.createTextNode(`${edge.from} to ${edge.to}: ${format(weight)}`)));
        return line;
      }),
    );
  }

  // A layer's units, with what it is called where `height` leaves room for that.
  column(layer, x, y, radius, height) {
    const largest = Math.max(...layer.mean.map((mean) => Math.abs(Number(mean))).filter(Number.isFinite), 1e-12);
    const text = (content, at) => {
      const node = svg("text", { x, y: at, "text-anchor": "middle" });
      node.textContent = content;
      return node;
    };
    const units = layer.shown.map((unit, i) => {
      const mean = Number(layer.mean[i]);
      const share = Math.min(Math.abs(mean) / largest, 1) * 80;
      const node = svg("circle", { cx: x, cy: y(i), r: radius, class: "unit" });
      node.style.setProperty(
        "fill",
        `color-mix(in oklab, var(--${mean < 0 ? "negative" : "positive"}) ${share.toFixed(0)}%, var(--line))`,
      );
      node.append(
        svg("title", {}, document.createTextNode(`${layer.name}, unit ${unit}: mean output ${format(layer.mean[i])}`)),
      );
      return node;
    });
    return svg("g", {}, ...units, height && text(layer.name, 14), height && text(sizeOf(layer), height - 6));
  }
}

function sizeOf({ n_units, shown }) {
  if (n_units > shown.length) return `${shown.length} of ${n_units} units`;
  return `${n_units} ${n_units === 1 ? "unit" : "units"}`;
}

// The layers to name: as many as there is room for, `gap` characters from one to the next, and the last one always.
function spread(layers, gap) {
  const longest = Math.max(...layers.flatMap((layer) => [layer.name.length, sizeOf(layer).length]));
  const stride = Math.ceil((longest + 1) / gap);
  const last = layers.length - 1;
  return new Set(layers.map((_, i) => i).filter((i) => i === last || (i % stride === 0 && i + stride <= last)));
}

// The mean outputs that the picture shows, as rows of a table.
export const meanRows = ({ layers }) =>
  layers.flatMap(({ name, shown, mean }) => shown.map((unit, i) => [`${name}, unit ${unit}`, mean[i]]));

// The weights that it shows.
export const weightRows = ({ edges, layers }) =>
  edges.flatMap((edge) => {
    const [from, to] = [edge.from, edge.to].map((name) => layers.find((layer) => layer.name === name));
    return edge.weights.flatMap((row, i) =>
      row.map((weight, j) => [`${from.name}, unit ${from.shown[i]}`, `${to.name}, unit ${to.shown[j]}`, weight]),
    );
  });

export const lineLegend = () =>
  el(
    "div",
    { class: "legend" },
    el(
      "span",
      {},
      svg(
        "svg",
        { class: "line diagram", viewBox: "0 0 24 12", "aria-hidden": "true" },
        svg("line", { x1: 0, x2: 24, y1: 6, y2: 6, "stroke-width": 2.5, class: "positive" }),
      ),
      "positive weight",
    ),
    el(
      "span",
      {},
      svg(
        "svg",
        { class: "line diagram", viewBox: "0 0 24 12", "aria-hidden": "true" },
        svg("line", { x1: 0, x2: 24, y1: 6, y2: 6, "stroke-width": 2.5, class: "negative" }),
      ),
      "negative weight",
    ),
    el("span", {}, "Width: size"),
  );
