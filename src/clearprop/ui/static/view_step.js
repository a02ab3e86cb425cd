// Step: one row's way through the network and back, quantity by quantity, cell by cell.

import { CellPanel } from "clearprop/cell_panel.js";
import { el, exact, field, format, number, percent, select, setOptions, setText, shorten } from "clearprop/dom.js";
import { isPicture, picture } from "clearprop/picture.js";
import { math } from "clearprop/formula.js";
import { Matrix } from "clearprop/matrix.js";
import { Track } from "clearprop/track.js";

const PHASES = { forward: "Forward", loss: "Loss", backward: "Backward", gradient: "Gradients", update: "Update" };
const MOST_VALUES = 8; // of a row, in the line above the steps; some of them where there are more
const SOME_VALUES = 4;

// A value, or a text of the user's: one that is written from the right leaves what stands around it in its place.
const isolated = (value) => el("bdi", {}, typeof value === "number" ? number(value) : shorten(String(value)));

export class StepView {
  constructor(section, page) {
    this.page = page;
    this.row = el("input", {
      type: "number",
      min: "0",
      step: "1",
      value: "0",
      id: "step-row",
      onchange: () => this.row.reportValidity() && page.go({ row: Number(this.row.value) }),
    });
    this.notation = select([], { id: "step-notation", onchange: () => page.go({ notation: this.notation.value }) });
    this.facts = el("p", { class: "row-facts", id: "row-facts" });
    this.before = el(
      "button",
      { type: "button", id: "step-previous", onclick: () => this.walk(-1) },
      "\u2190 Previous",
    );
    this.after = el(
      "button",
      { type: "button", id: "step-next", class: "primary", onclick: () => this.walk(1) },
      "Next \u2192",
    );
    this.list = el("ol");
    this.track = new Track((i) => this.choose(i));
    this.title = el("h3", { id: "step-title" });
    this.where = el("p", { class: "muted", id: "step-where" });
    this.formula = el("div", {
      class: "formula",
      id: "step-formula",
      tabindex: "0",
      role: "region",
      "aria-label": "Formula",
    });
    this.panel = new CellPanel(
      page,
      () => this.place(),
      () => this.matrix.close() ?? this.matrix.focus(),
    );
    this.matrix = new Matrix({
      onOpen: (entry, cell) => this.panel.open(entry, cell),
      onWindow: (entry, top, left) => page.attempt(() => this.showWindow(entry, top, left)),
    });
    section.append(
      el("h2", { class: "unseen" }, "Step"),
      el(
        "div",
        { class: "step" },
        el(
          "div",
          { class: "step-bar" },
          field("Row", this.row),
          this.facts,
          field("Notation", this.notation, { class: "field notation" }),
          this.before,
          this.after,
        ),
        el("nav", { class: "stepper", "aria-label": "Steps" }, this.list),
        el(
          "div",
          {},
          this.track.root,
          el("div", { class: "step-title", "aria-live": "polite" }, this.title, this.where),
          this.formula,
          this.matrix.root,
          el("p", { class: "note hint" }, "Choose a number to see what it is made of."),
          this.panel.root,
        ),
      ),
    );
    document.addEventListener("keydown", (event) => this.key(event));
  }

  async update() {
    const { page } = this;
    setOptions(
      this.notation,
      page.state.choices.notations.map(({ name, title }) => [name, title]),
    );
    const notation = page.notation();
    this.notation.value = notation;
    this.row.max = String(page.state.problem.n_rows + page.state.problem.n_validation - 1);
    const row = Math.min(page.places.row ?? 0, Number(this.row.max));
    if (document.activeElement !== this.row) this.row.value = String(row);
    if (this.notationShown !== notation || this.network !== this.networkKey()) {
      this.formulas = await page.get("/api/formulas", { notation }).then(
        (answer) => answer.formulas,
        (error) => this.without(error),
      );
      this.notationShown = notation;
      this.network = this.networkKey();
    }
    this.answer = await page.get("/api/step", { row });
    if (!this.answer.steps.some((step) => step.name === page.places.step)) page.places.step = this.answer.steps[0].name;
    try {
      if (this.panel.isOpen()) await this.panel.refresh();
    } finally {
      this.showFacts(); // together with the opened number
      this.showSteps();
      this.track.show(this.answer.steps);
      this.showStep();
    }
  }

  // Numbers are shown even where there are no formulas, as in a recording of another notation.
  without(error) {
    this.page.say(error.message);
    return {};
  }

  networkKey() {
    const { network, settings } = this.page.state;
    return JSON.stringify([network, settings.optimizer, settings.l2]);
  }

  showFacts() {
    const { values, raw, target, prediction, loss, penalty } = this.answer;
    const items = Object.entries(raw ?? values),
      pixels = isPicture(Object.keys(values));
    const shown = pixels ? [] : items.slice(0, items.length > MOST_VALUES ? SOME_VALUES : MOST_VALUES);
    const facts = shown.flatMap(([name, value], i) => [i ? ", " : "", isolated(name), " = ", isolated(value)]);
    if (shown.length && items.length > shown.length) facts.push(`, and ${items.length - shown.length} more`);
    const { classes, target: name, scale, center } = this.page.state.problem;
    const learned = () => ["; the network learns (", isolated(name), " \u2212 ", number(center), ") / ", number(scale)];
    const shares = prediction.length === 1 ? [1 - prediction[0], prediction[0]].map(Number) : prediction.map(Number);
    const best = shares.indexOf(Math.max(...shares));
    const share = () => el("span", { "data-value": exact(shares[best]) }, percent(shares[best]));
    const said = classes
      ? [`${classes[best]} (`, share(), ")"]
      : prediction.slice(0, 10).flatMap((value, i) => [i ? ", " : "", number(value)]);
    this.facts.replaceChildren(
      pixels ? picture(Object.keys(values), Object.values(values), 40) : "",
      el("span", { class: "muted" }, facts, " \u2192 "),
      isolated(name),
      " ",
      isolated(target),
      el("span", { class: "muted" }, "; predicted ", said, "; loss "),
      el("strong", { id: "row-loss", "data-value": exact(loss) }, format(loss)),
      el(
        "span",
        { class: "muted" },
        penalty ? [", penalty ", number(penalty)] : "",
        scale === 1 && center === 0 ? "" : learned(),
      ),
    );
  }

  showSteps() {
    const { steps } = this.answer;
    const key = JSON.stringify(steps.map((step) => [step.name, step.title]));
    if (key === this.listed) return;
    this.listed = key;
    this.buttons = steps.map((step, i) =>
      el("button", { type: "button", title: step.title, onclick: () => this.choose(i) }, step.name),
    );
    const items = [];
    steps.forEach((step, i) => {
      if (!i || steps[i - 1].phase !== step.phase) items.push([]);
      items.at(-1).push(i);
    });
    this.list.replaceChildren(
      ...items.map((group) =>
        el(
          "li",
          {},
          el("h3", {}, PHASES[steps[group[0]].phase] ?? steps[group[0]].phase),
          el(
            "ol",
            {},
            group.map((i) => el("li", {}, this.buttons[i])),
          ),
        ),
      ),
    );
  }

  index() {
    return this.answer.steps.findIndex((step) => step.name === this.page.places.step);
  }

  walk(by) {
    const to = this.index() + by;
    if (to >= 0 && to < this.answer.steps.length) this.choose(to);
  }

  choose(i) {
    this.page.places.step = this.answer.steps[i].name;
    this.page.writeAddress();
    this.panel.close();
    this.showStep();
  }

  showStep() {
    const { steps } = this.answer;
    const i = this.index(),
      step = steps[i];
    this.buttons.forEach((button, position) => {
      if (position === i) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
      button.tabIndex = position === i ? 0 : -1; // one stop for the whole list, which arrows walk through
    });
    const list = this.list.parentElement,
      button = this.buttons[i];
    if (button.offsetTop < list.scrollTop + 30 || button.offsetTop + 40 > list.scrollTop + list.clientHeight)
      list.scrollTop = button.offsetTop - list.clientHeight / 2;
    this.before.disabled = i === 0;
    this.after.disabled = i === steps.length - 1;
    this.track.walkTo(i, step.node);
    setText(this.title, step.title);
    setText(
      this.where,
      `${step.name}, ${step.shape.join(" \u00d7 ") || "a number"} \u00b7 step ${i + 1} of ${steps.length}`,
    );
    const formula = this.formulas[step.name];
    const key = formula ? formula.latex : step.name;
    if (this.formulaShown !== key) {
      this.formula.replaceChildren(formula ? math(formula) : "");
      this.formulaShown = key;
    }
    this.matrix.show(step);
  }

  // The row, and the moment of a training, that the numbers shown are of.
  place() {
    const { row, moment } = this.answer;
    return { row, moment };
  }

  async showWindow(entry, top, left) {
    const answer = await this.page.get("/api/values", { ...this.place(), name: entry.name, top, left });
    this.matrix.show({ ...entry, ...answer });
  }

  key(event) {
    if (this.page.places.view !== "step" || !this.answer || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape" && this.panel.isOpen()) this.panel.dismiss();
    if (event.target.closest("input, select, [role=tablist], .terms, .formula")) return;
    const inList = this.list.contains(event.target);
    const by = { ArrowLeft: -1, ArrowRight: 1, ...(inList && { ArrowUp: -1, ArrowDown: 1 }) }[event.key];
    if (!by) return;
    event.preventDefault();
    this.walk(by);
    if (inList) this.buttons[this.index()].focus();
  }
}
