// A window of an array as a table of numbers on heat colours, walked with the arrow keys.

import { el, quantity, format } from "clearprop/dom.js";

const STRONGEST = 42; // per cent of the hue, so that the numbers stay readable
const FOLD = 8; // a longer row is folded into lines of so many numbers

// The index of an entry of the window in an array of `shape`: rows are all axes but the last, flattened.
function cellOf(shape, row, column) {
  const columns = shape.length ? shape[shape.length - 1] : 1;
  let flat = row * columns + column;
  const cell = [];
  for (const size of [...shape].reverse()) {
    cell.unshift(flat % size);
    flat = Math.floor(flat / size);
  }
  return cell.join(",");
}

// Colour a cell by value / scale.
export function heat(cell, value, scale) {
  const share = Number.isFinite(value) && scale > 0 ? Math.min(Math.abs(value) / scale, 1) : 0;
  cell.classList.add("heat");
  cell.classList.toggle("negative", value < 0);
  cell.style.setProperty("--share", `${(STRONGEST * share).toFixed(1)}%`);
}

export class Matrix {
  // onOpen(entry, cell) when a cell is chosen; onWindow(entry, top, left) when another part of the array is wanted.
  constructor({ onOpen, onWindow }) {
    this.onOpen = onOpen;
    this.onWindow = onWindow;
    this.place = [0, 0];
    this.opened = null;
    this.root = el("div", { class: "values" });
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.root.addEventListener("click", (event) => {
      const cell = event.target.closest("td[data-cell]");
      if (cell) this.open(cell);
    });
  }

  show(entry) {
    const focused = this.root.contains(document.activeElement) && document.activeElement.matches("td");
    if (this.entry?.name !== entry.name) {
      this.place = [0, 0];
      this.opened = null;
    }
    const scroller = this.root.querySelector(".wide");
    const [x, y] = scroller ? [scroller.scrollLeft, scroller.scrollTop] : [0, 0];
    this.entry = entry;
    const rows = entry.values;
    const scale = Math.max(
      ...rows
        .flat()
        .map((value) => Math.abs(Number(value)))
        .filter(Number.isFinite),
      0,
    );
    const folded = rows.length === 1 && rows[0].length > FOLD;
    const grid = el(
      "table",
      { class: folded ? "matrix folded" : "matrix", role: "grid", "aria-label": `${entry.title}: numbers` },
      ...(folded ? this.folded(scale) : this.lines(scale)),
    );
    this.cells = [...grid.tBodies[0].rows].map((row) => [...row.querySelectorAll("td")]);
    this.place = [Math.min(this.place[0], this.cells.length - 1), Math.min(this.place[1], this.cells[0].length - 1)];
    this.cells[this.place[0]][this.place[1]].tabIndex = 0;
    this.root.replaceChildren(el("div", { class: "wide" }, grid), this.arrows(entry));
    this.root.firstChild.scrollTo(x, y);
    if (focused) this.focus();
  }

  lines(scale) {
    const { values, row_labels: rows, column_labels: columns } = this.entry;
    return [
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("td"),
          columns.map((label) => el("th", { scope: "col", title: label }, label)),
        ),
      ),
      el(
        "tbody",
        {},
        values.map((row, i) =>
          el(
            "tr",
            {},
            el("th", { scope: "row", title: rows[i] }, rows[i]),
            row.map((value, j) => this.cell(value, i, j, scale)),
          ),
        ),
      ),
    ];
  }

  // One row as several lines; every number has its column's name above it.
  folded(scale) {
    const {
      values: [row],
      column_labels: labels,
    } = this.entry;
    const cells = row.map((value, j) => this.cell(value, 0, j, scale, labels[j]));
    return [
      el(
        "tbody",
        {},
        cells.filter((_, j) => j % FOLD === 0).map((_, k) => el("tr", {}, cells.slice(k * FOLD, (k + 1) * FOLD))),
      ),
    ];
  }

  cell(value, i, j, scale, label = null) {
    const cell = cellOf(this.entry.shape, this.entry.top + i, this.entry.left + j);
    const node = quantity("td", this.entry.name, cell, value, {
      tabindex: "-1",
      "aria-selected": String(cell === this.opened),
      "data-label": label,
    });
    heat(node, Number(value), scale);
    return node;
  }

  // Where the array is larger than its window: which part is shown, and buttons to the next one.
  arrows(entry) {
    const columns = entry.shape.at(-1) ?? 1;
    const total = [entry.shape.slice(0, -1).reduce((product, size) => product * size, 1), columns];
    const shown = [entry.values.length, entry.values[0].length];
    if (shown[0] === total[0] && shown[1] === total[1]) return el("p", { class: "note window" });
    const move = (text, label, top, left, possible) =>
      el(
        "button",
        { type: "button", "aria-label": label, disabled: !possible, onclick: () => this.onWindow(entry, top, left) },
        text,
      );
    const { top, left } = entry;
    return el(
      "div",
      { class: "window" },
      move("\u2191", "Rows before", Math.max(top - 32, 0), left, top > 0),
      move("\u2193", "Rows after", top + 32, left, top + shown[0] < total[0]),
      move("\u2190", "Columns before", top, Math.max(left - 32, 0), left > 0),
      move("\u2192", "Columns after", top, left + 32, left + shown[1] < total[1]),
      el(
        "span",
        { class: "note" },
        `rows ${top + 1}\u2013${top + shown[0]} of ${format(total[0])}, ` +
          `columns ${left + 1}\u2013${left + shown[1]} of ${format(total[1])}`,
      ),
    );
  }

  key(event) {
    if (!event.target.matches("td[data-cell]")) return;
    const [row, column] = this.place;
    const last = [this.cells.length - 1, this.cells[0].length - 1];
    const to = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      Home: [row, 0],
      End: [row, last[1]],
      PageUp: [0, column],
      PageDown: [last[0], column],
    }[event.key];
    if (to) {
      event.preventDefault();
      event.stopPropagation();
      const line = Math.min(Math.max(to[0], 0), last[0]);
      this.move(line, Math.min(Math.max(to[1], 0), this.cells[line].length - 1));
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.open(event.target);
    }
  }

  move(row, column) {
    this.cells[this.place[0]][this.place[1]].tabIndex = -1;
    this.place = [row, column];
    this.focus();
  }

  focus() {
    const cell = this.cells[this.place[0]][this.place[1]];
    cell.tabIndex = 0;
    cell.focus();
  }

  open(cell) {
    this.cells.forEach((row, i) =>
      row.forEach((other, j) => {
        other.setAttribute("aria-selected", String(other === cell));
        other.tabIndex = other === cell ? 0 : -1;
        if (other === cell) this.place = [i, j];
      }),
    );
    this.opened = cell.dataset.cell;
    this.onOpen(this.entry, this.opened);
  }

  close() {
    this.opened = null;
    this.cells?.flat().forEach((cell) => cell.setAttribute("aria-selected", "false"));
  }
}
