// A map of the pass: for every node a strip of what it puts out and, below, of the gradient there, lit as far as one
// has walked.

import { el } from "clearprop/dom.js";
import { heat } from "clearprop/matrix.js";

const MOST = 16; // cells of a strip

export class Track {
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.root = el("div", { class: "track", "aria-hidden": "true" }); // the list of steps says the same in words
  }

  show(steps) {
    this.strips = [];
    const nodes = new Map();
    steps.forEach((step, i) => {
      if (!step.node || !["forward", "loss", "backward"].includes(step.phase)) return;
      if (!nodes.has(step.node)) nodes.set(step.node, []);
      nodes.get(step.node).push(i);
    });
    this.nodes = new Map([...nodes.keys()].map((name) => [name, el("span", { class: "name" }, name)]));
    this.root.replaceChildren(
      ...[...nodes].map(([name, places]) =>
        el(
          "div",
          { class: "node" },
          this.nodes.get(name),
          places.map((i) => this.strip(steps[i], i)),
        ),
      ),
    );
  }

  strip(step, i) {
    const values = step.values.flat().map(Number);
    const scale = Math.max(...values.map(Math.abs).filter(Number.isFinite), 0);
    const cells = values.slice(0, MOST).map((value) => {
      const cell = el("i");
      heat(cell, value, scale);
      return cell;
    });
    const strip = el(
      "div",
      { class: "strip", title: step.name, onclick: () => this.onChoose(i) },
      el("span", {}, step.name.slice(step.node.length + 1)),
      el("b", {}, cells),
    );
    this.strips.push([i, strip]);
    return strip;
  }

  // Light what was computed up to step `at`, of `node`.
  walkTo(at, node) {
    for (const [i, strip] of this.strips) {
      strip.classList.toggle("ahead", i > at);
      strip.classList.toggle("here", i === at);
    }
    for (const [name, label] of this.nodes) label.classList.toggle("here", name === node);
    const column = this.nodes.get(node)?.parentElement;
    if (!column) return;
    const { offsetLeft: left, offsetWidth: width } = column;
    const hidden = left < this.root.scrollLeft || left + width > this.root.scrollLeft + this.root.clientWidth;
    if (hidden) this.root.scrollLeft = left - (this.root.clientWidth - width) / 2;
  }
}
