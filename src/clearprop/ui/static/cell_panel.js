// One number, opened: its formula, the formula with numbers, its terms one by one, and a finite difference beside it.

import { el, exact, format } from "clearprop/dom.js";
import { math } from "clearprop/formula.js";

export class CellPanel {
  // `place` returns the row, and the moment of a training, that the numbers around the opened one are of.
  constructor(page, place, onClose) {
    this.page = page;
    this.place = place;
    this.onClose = onClose;
    this.root = el("section", {
      class: "panel",
      id: "cell-panel",
      "aria-label": "The chosen number",
      tabindex: "-1",
      hidden: true,
    });
  }

  isOpen() {
    return !this.root.hidden;
  }

  close() {
    this.root.hidden = true;
    this.root.replaceChildren();
  }

  // Close it, and put the focus back where it came from.
  dismiss() {
    this.close();
    this.onClose();
  }

  open(entry, cell) {
    this.entry = entry;
    this.cell = cell;
    return this.page.attempt(async () => {
      await this.refresh();
      this.root.focus({ preventScroll: true });
      this.root.scrollIntoView({ block: "nearest" });
    });
  }

  async refresh() {
    const { entry, cell, page } = this;
    const place = this.place();
    const question = { ...place, name: entry.name, cell };
    const answer = await page.get("/api/cell", { ...question, notation: page.notation() });
    if (this.entry !== entry || this.cell !== cell) return; // another was chosen meanwhile
    if (this.place().moment !== place.moment) return this.refresh(); // those around it have changed
    this.checked = el("div", { class: "check", "aria-live": "polite" });
    if (entry.checkable)
      this.checked.append(
        el(
          "button",
          { type: "button", id: "check", onclick: () => page.attempt(() => this.check(question)) },
          "Check numerically",
        ),
      );
    const focused = this.root.contains(document.activeElement);
    this.root.replaceChildren(
      el(
        "div",
        { class: "head" },
        el(
          "h3",
          {},
          `${answer.name}[${answer.cell.join(", ")}] = `,
          el(
            "span",
            { "data-quantity": answer.name, "data-cell": answer.cell.join(","), "data-value": exact(answer.value) },
            format(answer.value, 8),
          ),
        ),
        el("button", { type: "button", class: "quiet", id: "cell-close", onclick: () => this.dismiss() }, "Close"),
      ),
      el(
        "div",
        { class: "formula", tabindex: "0", role: "region", "aria-label": "Formula of the number" },
        math(answer.substituted),
      ),
      ...(answer.terms.length ? [this.terms(answer)] : []),
      answer.note ? el("p", { class: "note" }, answer.note) : "",
      this.checked,
    );
    if (focused) this.root.focus({ preventScroll: true });
    this.root.hidden = false;
  }

  terms(answer) {
    const factors = Math.max(...answer.terms.map((term) => term.factors.length));
    const number = (value, tag = "span") =>
      el(tag, { class: "number", "data-value": exact(value), title: exact(value) }, format(value, 6));
    const row = (term, i) =>
      el(
        "tr",
        { "data-term": String(i) },
        ...[...Array(factors).keys()].flatMap((k) => {
          const factor = term.factors[k];
          const label = el(k ? "td" : "th", k ? {} : { scope: "row" }, factor?.label ?? "");
          return [
            label,
            factor && factor.value !== null && factor.value !== undefined ? number(factor.value, "td") : el("td"),
          ];
        }),
        number(term.value, "td"),
      );
    const heads = [...Array(factors).keys()].flatMap((k) => [k ? "times" : "Factor", "Value"]);
    return el(
      "div",
      { class: "terms wide", tabindex: "0", role: "region", "aria-label": "Terms" },
      el(
        "table",
        {},
        el("caption", {}, `${answer.n_terms} ${answer.n_terms === 1 ? "term" : "terms"}`),
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            heads.map((head) => el("th", { scope: "col", class: head === "Value" ? "number" : null }, head)),
            el("th", { scope: "col", class: "number" }, "Term"),
          ),
        ),
        el("tbody", {}, answer.terms.map(row)),
        el(
          "tfoot",
          {},
          el("tr", {}, el("th", { scope: "row", colspan: String(2 * factors) }, "Sum"), number(answer.sum, "td")),
        ),
      ),
    );
  }

  async check(question) {
    const { analytic, numeric, error } = await this.page.get("/api/check", question);
    const fact = (name, id, value) =>
      el("div", {}, el("dt", {}, name), el("dd", { id, "data-value": exact(value) }, format(value, 10)));
    this.checked.querySelector("dl")?.remove();
    this.checked.append(
      el(
        "dl",
        {},
        fact("by backpropagation", "check-analytic", analytic),
        fact("by a finite difference", "check-numeric", numeric),
        fact("error", "check-error", error),
      ),
    );
  }
}
