// Runs: their curves over one another, a slider to any recorded epoch, and what can be taken home.

import { Chart } from "clearprop/chart.js";
import { lossCurve } from "clearprop/curves.js";
import { el, field, format, setText, table } from "clearprop/dom.js";

export class RunsView {
  constructor(section, page) {
    this.page = page;
    this.curves = new Map(); // of other runs, by id and the epoch up to which they are known
    this.chart = new Chart("Loss of the runs", 320);
    this.slider = el("input", { type: "range", id: "scrub", min: "0", step: "1", oninput: () => this.scrub() });
    this.epoch = el("output", { for: "scrub", id: "scrub-epoch" });
    const label = field("Recorded epoch ", this.slider);
    label.querySelector("label").append(this.epoch);
    this.present = el("button", { type: "button", onclick: () => page.go({ epoch: null }) }, "Present state");
    this.html = el(
      "button",
      { type: "button", id: "export-html", onclick: () => page.attempt(() => this.exportPage()) },
      "Page as one HTML file",
    );
    this.json = el("button", { type: "button", id: "export-json", onclick: () => this.exportRun() }, "Run as JSON");
    this.runs = el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Runs" });
    section.append(
      el("h2", { class: "unseen" }, "Runs"),
      el(
        "div",
        { class: "runs" },
        this.chart.figure,
        el(
          "section",
          { "aria-label": "Recorded epochs" },
          el("h3", {}, "Go back to an epoch"),
          el("p", { class: "note" }, "All views show the network as it was then."),
          el("div", { class: "scrub" }, label, this.present),
        ),
        el("section", { "aria-label": "All runs" }, el("h3", { class: "head" }, "All runs"), this.runs),
        el(
          "section",
          { "aria-label": "Export" },
          el("h3", { class: "head" }, "Export"),
          el("div", { class: "row-of-fields" }, this.html, this.json),
        ),
      ),
    );
  }

  shown() {
    return this.page.run ?? this.page.state.run.id;
  }

  async update() {
    const { page } = this;
    const { runs, run } = page.state;
    for (const other of runs) if (other.id !== run.id) await this.learn(other);
    this.recorded = this.shown() === run.id ? run.recorded : (this.curves.get(this.shown())?.recorded ?? []);
    this.slider.max = String(Math.max(this.recorded.length - 1, 0));
    const at = page.places.epoch === undefined ? this.recorded.length - 1 : this.recorded.indexOf(page.places.epoch);
    if (document.activeElement !== this.slider || page.present()) this.slider.value = String(Math.max(at, 0));
    this.said();
    this.present.disabled = page.places.epoch === undefined;
    this.html.hidden = page.recorded();
    const title = (item) => `${item.id}: ${item.title}`;
    const curveOf = (id) => (id === run.id ? run.curve : this.curves.get(id)?.curve);
    const lines = runs.map((item) => ({ title: title(item), curve: curveOf(item.id), here: item.id === this.shown() }));
    await this.chart.draw(() =>
      lossCurve(
        lines.filter(({ curve }) => curve?.epoch.length),
        page.places.epoch,
      ),
    );
    this.showRuns(runs, run);
  }

  // The curve of another run, asked for once: it is over.
  async learn({ id, epoch }) {
    if (this.page.recorded() || this.curves.get(id)?.until === epoch) return;
    const { run } = await this.page.getState(id);
    this.curves.set(id, { until: epoch, curve: run.curve, recorded: run.recorded });
  }

  scrub() {
    const epoch = this.recorded[Number(this.slider.value)];
    this.page.go({ epoch: Number(this.slider.value) === this.recorded.length - 1 ? null : epoch });
    this.said();
  }

  said() {
    const epoch = this.recorded[Number(this.slider.value)];
    setText(this.epoch, epoch === undefined ? "" : format(epoch));
    this.slider.setAttribute("aria-valuetext", `epoch ${epoch ?? 0}`);
  }

  showRuns(runs, run) {
    const look = (id) =>
      el(
        "button",
        {
          type: "button",
          class: "link",
          "aria-pressed": String(id === this.shown()),
          "data-run": String(id),
          onclick: () => this.page.go({ epoch: null }, id === run.id ? null : id),
        },
        "Look",
        el("span", { class: "unseen" }, ` at run ${id}`),
      );
    const focused = document.activeElement?.dataset?.run;
    this.runs.replaceChildren(
      table(
        `${runs.length} ${runs.length === 1 ? "run" : "runs"}`,
        ["Run", "Network", "Status", "Epoch", "Loss", "Validation loss", "Seeds (data, weights, order)", ""],
        runs.map((item) => [
          String(item.id),
          item.title,
          item.status,
          item.epoch,
          item.loss,
          item.validation_loss,
          [item.settings.data_seed, item.settings.weight_seed, item.settings.order_seed].join(", "),
          this.page.recorded() ? "" : look(item.id),
        ]),
      ),
    );
    for (const row of this.runs.querySelectorAll("tbody tr"))
      row.setAttribute("aria-current", String(row.cells[0].textContent === String(this.shown())));
    if (focused !== undefined) this.runs.querySelector(`[data-run="${focused}"]`)?.focus();
  }

  async exportPage() {
    this.page.say("Making the file\u2026");
    save(await this.page.download("/api/record"), "clearprop.html");
    this.page.say("The page was saved as clearprop.html.");
  }

  exportRun() {
    const { run, settings, network, problem } = this.page.state;
    save(
      new Blob([JSON.stringify({ problem, settings, network, run }, null, 1)], { type: "application/json" }),
      `clearprop-run-${run.id}.json`,
    );
  }
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
