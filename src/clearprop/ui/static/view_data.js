// Data: the rows with what the network says of them, worst first if wanted, and where it errs.

import { Chart, colour } from "clearprop/chart.js";
import { between, el, exact, field, format, percent, select, setText, table } from "clearprop/dom.js";
import { heat } from "clearprop/matrix.js";
import { isPicture, picture } from "clearprop/picture.js";

const METRICS = {
  loss: "Loss",
  accuracy: "Accuracy",
  r2: "R\u00b2",
  mae: "Mean absolute error",
  rmse: "Root mean square error",
};
const PAGE = 50;
const MOST_COLUMNS = 12;

export class DataView {
  constructor(section, page) {
    this.page = page;
    this.offset = 0;
    const again = () => {
      this.offset = 0;
      page.refresh();
    };
    this.part = select(
      [
        ["train", "Training rows"],
        ["validation", "Validation rows"],
      ],
      { id: "data-part", onchange: again },
    );
    this.order = select(
      [
        ["worst", "Worst first"],
        ["row", "As they come"],
      ],
      { id: "data-order", onchange: again },
    );
    const turn = (by) => () => {
      this.offset += by;
      page.refresh();
    };
    this.before = el("button", { type: "button", onclick: turn(-PAGE) }, "Rows before");
    this.after = el("button", { type: "button", onclick: turn(PAGE) }, "Rows after");
    this.place = el("span", { class: "muted" });
    this.rows = el("div", { class: "wide rows", tabindex: "0", role: "region", "aria-label": "Table of rows" });
    this.metrics = el("dl", { class: "metrics" });
    this.confusion = el("div", { class: "wide" });
    this.residuals = new Chart("Residuals by prediction", 280);
    this.spread = new Chart("How residuals are spread", 200);
    section.append(
      el("h2", { class: "unseen" }, "Data"),
      el(
        "div",
        { class: "data" },
        el(
          "section",
          { "aria-label": "Rows" },
          el(
            "div",
            { class: "row-of-fields" },
            field("Part", this.part),
            field("Order", this.order),
            this.before,
            this.after,
            this.place,
          ),
          this.rows,
        ),
        el(
          "section",
          { "aria-label": "Quality" },
          el("h3", { class: "head" }, "Quality"),
          this.metrics,
          this.confusion,
          this.residuals.figure,
          this.spread.figure,
        ),
      ),
    );
  }

  async update() {
    const { page } = this;
    this.part.options[1].disabled = page.state.problem.n_validation === 0;
    const answer = await page.get("/api/data", {
      order: this.order.value,
      offset: this.offset,
      limit: PAGE,
      part: this.part.value,
    });
    const last = this.offset + answer.rows.length;
    this.before.disabled = this.offset === 0;
    this.after.disabled = last >= answer.total;
    setText(this.place, answer.rows.length ? `${this.offset + 1}\u2013${last} of ${format(answer.total)}` : "No rows");
    const focused = document.activeElement?.dataset?.row;
    this.rows.replaceChildren(this.rowsTable(answer));
    if (focused !== undefined) this.rows.querySelector(`[data-row="${focused}"]`)?.focus();
    this.metrics.replaceChildren(
      ...Object.entries(answer.metrics).map(([name, value]) =>
        el(
          "div",
          {},
          el("dt", {}, METRICS[name] ?? name),
          el(
            "dd",
            { "data-metric": name, "data-value": exact(value) },
            name === "accuracy" ? percent(value) : format(value),
          ),
        ),
      ),
    );
    this.confusion.replaceChildren(...(answer.confusion ? [this.confusionTable(answer)] : []));
    for (const chart of [this.residuals, this.spread]) chart.figure.hidden = !answer.residuals;
    if (answer.residuals) {
      await this.residuals.draw(() => residualPicture(answer.residuals));
      await this.spread.draw(() => spreadPicture(answer.residuals.histogram));
    }
  }

  rowsTable(answer) {
    const { classes, target } = this.page.state.problem;
    const pictures = isPicture(answer.columns);
    const columns = pictures ? ["Picture"] : answer.columns.slice(0, MOST_COLUMNS);
    const left = pictures ? 0 : answer.columns.length - columns.length;
    const cells = (values) =>
      pictures
        ? el("td", {}, picture(answer.columns, values, 28))
        : values
            .slice(0, MOST_COLUMNS)
            .map((value) => (typeof value === "number" ? number(value) : el("td", { title: value }, text(value))));
    const head = (name, isNumber) => el("th", { scope: "col", class: isNumber ? "number" : null, title: name }, name);
    const text = (value) => (typeof value === "number" ? format(value) : String(value ?? "\u2013"));
    const number = (value) => el("td", { class: "number", "data-value": exact(value) }, text(value));
    const made = table(
      (this.order.value === "worst" ? "Largest loss first. " : "") +
        "A row opens in Step." +
        (left ? ` ${left} more columns are left out.` : ""),
      [
        "Row",
        head(target, !classes),
        head("Predicted", !classes),
        ...(classes ? [head("Probability", true)] : []),
        head("Loss", true),
        ...columns.map((name, i) => head(name, !pictures && typeof answer.rows[0]?.values[i] === "number")),
      ],
      [],
    );
    made.tBodies[0].append(
      ...answer.rows.map((row) =>
        el(
          "tr",
          { "aria-current": String(row.row === this.page.places.row) },
          el(
            "th",
            { scope: "row" },
            el(
              "a",
              { href: "#", "data-row": String(row.row), onclick: (event) => this.open(event, row.row) },
              String(row.row),
            ),
          ),
          classes ? el("td", {}, text(row.target)) : number(row.target),
          classes
            ? el(
                "td",
                {},
                row.right === false
                  ? el("span", { class: "wrong" }, `${text(row.prediction)} \u2717`)
                  : text(row.prediction),
              )
            : number(row.prediction),
          classes ? number(row.probabilities ? Math.max(...row.probabilities.map(Number)) : null) : null,
          number(row.loss),
          cells(row.values),
        ),
      ),
    );
    return made;
  }

  open(event, row) {
    event.preventDefault();
    this.page.go({ view: "step", row });
    document.getElementById("main").focus();
  }

  confusionTable({ confusion, classes }) {
    const names = (classes ?? this.page.state.problem.classes).map(String);
    const most = Math.max(...confusion.flat(), 1),
      worst = Math.max(...confusion.flatMap((row, i) => row.filter((_, j) => i !== j)), most / 20);
    const made = table("Confusion: target down, prediction across", ["", ...names], []);
    made.className = "matrix confusion";
    made.tBodies[0].append(
      ...confusion.map((row, i) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, names[i]),
          row.map((count, j) => {
            const cell = el("td", { class: i === j ? "hit" : null, "data-value": String(count) }, String(count));
            heat(cell, i === j ? count : -count, i === j ? most : worst);
            return cell;
          }),
        ),
      ),
    );
    return made;
  }
}

function residualPicture({ prediction, residual }) {
  return {
    traces: [
      {
        type: "scatter",
        mode: "markers",
        x: prediction,
        y: residual,
        marker: { color: colour("positive"), size: 6, opacity: 0.6 },
        hovertemplate: "predicted %{x:.4g}, residual %{y:.4g}<extra></extra>",
      },
    ],
    layout: {
      xaxis: { title: { text: "prediction" } },
      yaxis: { title: { text: "residual" }, zeroline: true, zerolinecolor: colour("control") },
    },
    label: `Residuals of ${residual.length} rows by prediction`,
    tables: () => [["Residuals", ["Prediction", "Residual"], prediction.map((value, i) => [value, residual[i]])]],
  };
}

function spreadPicture({ edges, counts }) {
  return {
    traces: [
      {
        type: "bar",
        x: counts.map((_, i) => (edges[i] + edges[i + 1]) / 2),
        y: counts,
        width: counts.map((_, i) => 0.94 * (edges[i + 1] - edges[i])),
        marker: { color: colour("positive") },
        hovertemplate: "%{y} rows<extra></extra>",
      },
    ],
    layout: { xaxis: { title: { text: "residual" } }, yaxis: { title: { text: "rows" } } },
    label: "Histogram of residuals",
    tables: () => [
      ["Residuals by bin", ["From and to", "Rows"], counts.map((count, i) => [between(edges[i], edges[i + 1]), count])],
    ],
  };
}
