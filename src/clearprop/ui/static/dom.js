// Elements and numbers. Texts enter the page through textContent alone, so names from data never become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, item] of Object.entries(value)) node.style.setProperty(key, item);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// el("p", {class: "muted"}, "text", node, ...) makes an element; strings become text nodes.
export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(name, value);
  node.append(...children.flat().filter(Boolean));
  return node;
}

export const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

// ICONS are paths in a square of 16.
const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  batch: "M3 3v10l6-5zM10 3h2.5v10H10z",
  epoch: "M2 3v10l5-5zM7 3v10l5-5zM12.2 3H14v10h-1.8z",
  rewind: "M13 3v10L7.5 8zM7.5 3v10L2 8z",
  stop: "M3.5 3.5h9v9h-9z",
};

export const icon = (name) =>
  svg("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

// The beginning of a text of a data set, which may be as long as a book.
export const shorten = (text, most = 60) => (text.length > most ? `${text.slice(0, most - 1)}\u2026` : text);

const toNumber = (value) => (typeof value === "string" ? Number(value) : value);
const minus = (text) => text.replaceAll("-", "\u2212");

// The shortest text that reads back as the same number.
export function exact(value) {
  if (value === null || value === undefined) return "";
  return Object.is(value, -0) ? "-0.0" : String(value);
}

// A number for reading, rounded to `digits` significant digits, or to a whole number where it has more before its point.
export function format(value, digits = 4) {
  if (value === null || value === undefined) return "\u2013";
  const number = toNumber(value);
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "\u221e" : "\u2212\u221e";
  if (number === 0) return "0";
  if (Number.isInteger(number) && Math.abs(number) < 1e6) return minus(String(number));
  const size = Math.abs(number);
  if (size >= 1e6 || size < 1e-3) return minus(number.toExponential(Math.max(digits - 2, 1)));
  if (size >= 10 ** digits) return minus(number.toFixed());
  return minus(number.toPrecision(digits));
}

export const percent = (value) =>
  value === null || value === undefined ? "\u2013" : `${format(100 * toNumber(value), 3)} %`;

// A number among words: its text is rounded, `data-value` is not.
export const number = (value, digits = 4) => el("span", { "data-value": exact(value) }, format(value, digits));

// A bin of a histogram, or another stretch between two numbers.
export const between = (low, high) => el("span", {}, number(low), " to ", number(high));

// A number of the trace: its text is rounded, `data-value` is not.
export function quantity(tag, name, cell, value, attributes = {}) {
  const shown = el(tag, { ...attributes, title: exact(value) }, format(value));
  shown.dataset.quantity = name;
  shown.dataset.cell = cell;
  shown.dataset.value = exact(value);
  return shown;
}

const isNumber = (item) => typeof item === "number" || (item instanceof Node && item.dataset.value !== undefined);

// A table of `rows` under `columns` (texts), with its caption.
export function table(caption, columns, rows, attributes = {}) {
  const cell = (item, first) => {
    if (item instanceof Node)
      return first ? el("th", { scope: "row" }, item) : el("td", { class: item.dataset.value ? "number" : null }, item);
    const bare = typeof item === "number" || item === null;
    const text = bare ? format(item, 6) : String(item);
    const full = bare ? { "data-value": exact(item) } : {};
    if (first) return el("th", { scope: "row", ...full }, text);
    return el("td", bare ? { class: "number", ...full } : {}, text);
  };
  const head = (name, position) =>
    name instanceof Node
      ? name
      : name === ""
        ? el("td")
        : el("th", { scope: "col", class: rows.some((row) => isNumber(row[position])) ? "number" : null }, name);
  return el(
    "table",
    attributes,
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, columns.map(head))),
    el(
      "tbody",
      {},
      rows.map((row) =>
        el(
          "tr",
          {},
          row.map((item, position) => cell(item, position === 0)),
        ),
      ),
    ),
  );
}

// A labelled control: the label stands above it.
let fields = 0;
export function field(label, control, attributes = {}) {
  control.id ||= `field-${++fields}`;
  return el("div", { class: "field", ...attributes }, el("label", { for: control.id }, label), control);
}

// A <select> of [value, text] pairs.
export function select(options, attributes = {}) {
  const node = el("select", attributes);
  setOptions(node, options);
  return node;
}

export function setOptions(node, options) {
  const key = JSON.stringify(options);
  if (node.dataset.options === key) return;
  const kept = node.value;
  node.dataset.options = key;
  node.replaceChildren(...options.map(([value, text]) => el("option", { value: String(value) }, text)));
  if (options.some(([value]) => String(value) === kept)) node.value = kept;
}
