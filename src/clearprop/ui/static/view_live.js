// Live: the settings, the network, what it has learned so far, and its curves.

import { Chart, withTable } from "clearprop/chart.js";
import { hasMetric, lossCurve, metricCurve, nameOfMetric } from "clearprop/curves.js";
import { Diagram, lineLegend, meanRows, weightRows } from "clearprop/diagram.js";
import { el, field, select, setOptions, setText, shorten, table } from "clearprop/dom.js";
import { SettingsForm } from "clearprop/settings.js";
import { noteOf, surfacePicture } from "clearprop/surface.js";

const DIAGRAM_HEIGHT = 336;
const CURVE_HEIGHT = 186;

export class LiveView {
  constructor(section, page) {
    this.page = page;
    this.form = new SettingsForm(page);
    this.diagram = new Diagram();
    this.network = withTable(
      "Network",
      this.diagram.root,
      () =>
        this.answer
          ? [
              table("Weights between the units shown", ["From", "To", "Weight"], weightRows(this.answer.diagram)),
              table("Mean outputs of the units shown", ["Unit", "Mean output"], meanRows(this.answer.diagram)),
            ]
          : el("p", {}, "Nothing to show yet."),
      { style: { "--height": `${DIAGRAM_HEIGHT}px` } },
    );
    this.surface = new Chart("What the network says", DIAGRAM_HEIGHT);
    this.reason = el("p", { class: "reason", hidden: true, style: { "--height": `${DIAGRAM_HEIGHT}px` } });
    this.axes = ["x", "y"].map((name, i) => select([], { id: `surface-${name}`, onchange: () => this.choose(i) }));
    this.choice = el("div", { class: "axes", hidden: true }, field("Across", this.axes[0]), field("Up", this.axes[1]));
    this.note = el("p", { class: "note legend" });
    this.curves = [new Chart("Loss", CURVE_HEIGHT), new Chart("Metric", CURVE_HEIGHT)];
    section.append(
      el("h2", { class: "unseen" }, "Live"),
      el(
        "div",
        { class: "live" },
        el("div", { class: "settings" }, this.form.root),
        el("div", {}, this.network, lineLegend()),
        el("div", {}, this.surface.figure, this.reason, this.note, this.choice),
        this.curves[0].figure,
        this.curves[1].figure,
      ),
    );
  }

  async update() {
    const { page } = this;
    this.form.update();
    const { problem } = page.state;
    const columns = problem.columns.map((name) => [name, shorten(name)]);
    for (const axis of this.axes) setOptions(axis, columns);
    if (this.problem !== problem.name) this.chosen = null; // the server proposes columns
    this.problem = problem.name;
    const [x, y] = this.chosen ?? [];
    const answer = await page.get("/api/live", { x, y });
    this.answer = answer;
    const { surface } = answer;
    if (surface) {
      this.shown = [surface.x_name, surface.y_name];
      this.axes.forEach((axis, i) => (axis.value = this.shown[i]));
    }
    this.choice.hidden = columns.length <= 2 || !surface || page.recorded();
    this.surface.figure.hidden = !surface;
    this.reason.hidden = Boolean(surface);
    setText(this.reason, surface ? "" : (answer.surface_reason ?? "There is nothing to draw."));
    this.diagram.show(answer.diagram);
    this.network.refreshTable();
    this.note.replaceChildren(el("span", {}, surface ? noteOf(answer, problem) : ""));
    await Promise.all([surface && this.surface.draw(() => surfacePicture(answer, problem)), ...this.drawCurves()]);
  }

  drawCurves() {
    const { page } = this;
    const { curve } = page.state.run;
    const runs = [{ title: "this run", curve }];
    this.curves[1].figure.hidden = !hasMetric(curve);
    if (hasMetric(curve)) setText(this.curves[1].figure.querySelector("h3"), nameOfMetric(curve));
    return [
      this.curves[0].draw(() => lossCurve(runs, page.places.epoch)),
      hasMetric(curve) && this.curves[1].draw(() => metricCurve(runs, page.places.epoch)),
    ];
  }

  // Take other columns; if both axes now have the same one, they change places.
  choose(axis) {
    const [here, other] = [this.axes[axis], this.axes[1 - axis]];
    if (here.value === other.value) other.value = this.shown[axis];
    this.chosen = this.axes.map(({ value }) => value);
    this.page.refresh();
  }
}
