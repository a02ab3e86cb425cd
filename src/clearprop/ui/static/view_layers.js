// Layers: how the values and gradients are spread in each layer, how large the updates are, and which units do nothing.

import { Chart, SYMBOLS, colour, mix, withTable } from "clearprop/chart.js";
import {
  between,
  el,
  exact,
  field,
  format,
  number,
  percent,
  select,
  setOptions,
  setText,
  svg,
  table,
} from "clearprop/dom.js";

const GRADIENTS = new Set(["delta", "dh", "dx"]);

// A histogram as an SVG of bars; the line marks zero.
function bars({ edges, counts }, gradient) {
  const low = Number(edges[0]),
    high = Number(edges.at(-1)),
    most = Math.max(...counts, 1);
  const x = (edge) => (high > low ? (300 * (Number(edge) - low)) / (high - low) : 0);
  const shown = counts.map(
    (count, i) =>
      count &&
      svg("rect", {
        x: x(edges[i]) + 0.5,
        width: Math.max(x(edges[i + 1]) - x(edges[i]) - 1, 1),
        y: 84 - Math.max((80 * count) / most, 1),
        height: Math.max((80 * count) / most, 1),
        class: gradient ? "delta" : null,
      }),
  );
  const zero = low < 0 && high > 0 && svg("line", { x1: x(0), x2: x(0), y1: 0, y2: 84, class: "zero" });
  return svg(
    "svg",
    { class: "bars", viewBox: "0 0 300 85", preserveAspectRatio: "none", "aria-hidden": "true" },
    zero,
    shown,
    svg("line", { x1: 0, x2: 300, y1: 84.5, y2: 84.5, class: "axis" }),
  );
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

const bins = ({ edges, counts }) => counts.map((count, i) => [between(edges[i], edges[i + 1]), count]);

export class LayersView {
  constructor(section, page) {
    this.page = page;
    this.summary = el("p", { class: "muted" });
    this.findings = el("ul");
    this.grid = el("div", { class: "multiples" });
    const allBins = () =>
      table(
        "Values by bin",
        ["Quantity", "From and to", "Values"],
        this.answer.layers.flatMap((layer) =>
          Object.entries(layer.histograms).flatMap(([name, histogram]) =>
            bins(histogram).map((bin) => [`${layer.node}.${name}`, ...bin]),
          ),
        ),
      );
    this.norms = new Chart("Size of gradient and update, relative to the weights", 260);
    this.layer = select([], { onchange: () => page.go({ layer: this.layer.value }) });
    this.units = el("div", {
      class: "wide",
      tabindex: "0",
      role: "region",
      "aria-label": "Units",
      style: { "max-height": "420px", "overflow-y": "auto" },
    });
    section.append(
      el("h2", { class: "unseen" }, "Layers"),
      el(
        "div",
        { class: "layers" },
        el(
          "section",
          { class: "findings", "aria-label": "Findings" },
          el("h3", {}, "Findings"),
          this.summary,
          this.findings,
        ),
        withTable("Outputs (blue) and gradients at them (violet)", this.grid, allBins),
        el(
          "div",
          { class: "two" },
          this.norms.figure,
          el(
            "section",
            { "aria-label": "Units of a layer" },
            el("h3", {}, "Units of a layer"),
            field("Layer", this.layer, { class: "field short" }),
            this.units,
          ),
        ),
      ),
    );
  }

  async update() {
    const answer = await this.page.get("/api/layers");
    this.answer = answer;
    const found = answer.findings ?? [];
    setText(
      this.summary,
      found.length
        ? `${found.length} found on ${format(answer.n_rows)} rows.`
        : `Nothing to object to on ${format(answer.n_rows)} rows.`,
    );
    this.findings.replaceChildren(
      ...found.map((finding) =>
        el(
          "li",
          { class: "bad" },
          el(
            "p",
            {},
            el("strong", {}, `${finding.kind[0].toUpperCase()}${finding.kind.slice(1)}`),
            finding.node && finding.node !== "loss" ? ` in ${finding.node}` : "",
            `: ${finding.message}${/[.!?]$/.test(finding.message) ? "" : "."}`,
          ),
          el("p", {}, sentence(finding.remedy)),
          el("p", { class: "note" }, sentence(finding.definition)),
        ),
      ),
    );
    this.grid.replaceChildren(...answer.layers.map((layer) => this.multiples(layer)));
    await this.norms.draw(() => this.normsPicture());
    this.showUnits();
  }

  // The histograms of one node, over one another.
  multiples({ node, box, n_units, histograms }) {
    return el(
      "div",
      {},
      el("h4", {}, node, el("span", { class: "muted" }, ` ${box}, ${n_units}`)),
      Object.entries(histograms).map(([name, histogram]) => this.multiple(name, histogram)),
    );
  }

  multiple(name, histogram) {
    const { edges, counts } = histogram;
    const head = el("p", { class: "note" }, name);
    if (!counts.length) return el("div", { class: "multiple" }, head, el("p", { class: "note" }, "No finite value"));
    const most = counts.indexOf(Math.max(...counts));
    return el(
      "div",
      { class: "multiple" },
      head,
      bars(histogram, GRADIENTS.has(name)),
      el(
        "p",
        { class: "ends" },
        number(edges[0], 3),
        el("span", { class: "unseen" }, "most in ", between(edges[most], edges[most + 1])),
        number(edges.at(-1), 3),
      ),
    );
  }

  normsPicture() {
    const layers = this.answer.layers.filter(
      (layer) => layer.parameter_norm !== null && layer.parameter_norm !== undefined,
    );
    const series = [
      ["gradient / weights", (layer) => layer.gradient_norm / layer.parameter_norm, "positive"],
      ["update / weights", (layer) => layer.update_ratio ?? layer.update_norm / layer.parameter_norm, "negative"],
    ];
    return {
      traces: series.map(([name, value, shade], i) => ({
        type: "scatter",
        mode: "lines+markers",
        name,
        x: layers.map((layer) => layer.node),
        y: layers.map(value),
        line: { color: colour(shade), width: 1, dash: i ? "dash" : "solid" },
        marker: { symbol: SYMBOLS[i], size: 10, color: colour(shade) },
        hovertemplate: "%{x}: %{y:.4g}<extra>%{fullData.name}</extra>",
      })),
      layout: {
        showlegend: true,
        xaxis: { type: "category", showgrid: false },
        yaxis: { type: "log", exponentformat: "power", dtick: 1 },
        shapes: [
          {
            type: "rect",
            xref: "paper",
            x0: 0,
            x1: 1,
            y0: 1e-4,
            y1: 1e-2,
            fillcolor: mix(colour("muted"), colour("page"), 0.12),
            layer: "below",
            line: { width: 0 },
            label: {
              text: "usual for updates",
              textposition: "bottom left",
              font: { size: 11, color: colour("muted") },
            },
          },
        ],
      },
      label: "Norms of gradient and of update relative to the norm of the weights, by layer",
      tables: () => [
        [
          "Norms by layer",
          ["Layer", "Weights", "Gradient", "Update", "Update / weights", "Gradient at the output"],
          this.answer.layers.map((layer) =>
            [
              layer.node,
              layer.parameter_norm,
              layer.gradient_norm,
              layer.update_norm,
              layer.update_ratio,
              layer.delta_norm,
            ].map((item) => item ?? null),
          ),
        ],
      ],
    };
  }

  showUnits() {
    const layers = this.answer.layers.filter((layer) => layer.units?.length && layer.box !== "Input");
    setOptions(
      this.layer,
      layers.map((layer) => [layer.node, `${layer.node} (${layer.box})`]),
    );
    const wanted = this.page.places.layer;
    if (wanted && layers.some((layer) => layer.node === wanted)) this.layer.value = wanted;
    const layer = layers.find(({ node }) => node === this.layer.value);
    if (!layer) return this.units.replaceChildren();
    const said = (unit) =>
      el(
        "span",
        { class: unit.dead || unit.saturated ? "wrong" : "muted" },
        unit.dead ? "dead" : unit.saturated ? "saturated" : "works",
      );
    const count = (name) => layer.units.filter((unit) => unit[name]).length;
    const caption =
      `${layer.node}: ${count("dead")} dead, ${count("saturated")} saturated of ${layer.n_units} ` +
      `on ${format(this.answer.n_rows)} rows`;
    const share = (value) => el("span", { "data-value": exact(value) }, percent(value));
    this.units.replaceChildren(
      table(
        caption,
        ["Unit", "Mean", "Deviation", "Rows at zero", "Rows saturated", "State"],
        layer.units.map((unit) => [
          String(unit.unit),
          unit.mean,
          unit.deviation,
          share(unit.zero_share),
          share(unit.saturated_share),
          said(unit),
        ]),
      ),
    );
  }
}
