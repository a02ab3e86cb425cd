// Curves over the epochs: what Live and Runs draw of one run or of several.

import { classColour, colour, escape } from "clearprop/chart.js";

export const nameOfMetric = ({ metric }) => (metric === "r2" ? "R\u00b2" : "Accuracy");

// Whether a run measures anything but its loss; before its first epoch that is not known otherwise.
export const hasMetric = ({ metric, metrics }) =>
  Boolean(metric) && !(metrics.length && metrics.every((value) => value === null));

const MOST = 1000; // points of a line; more than a screen has are left out evenly
const DASHES = ["solid", "dot", "dashdot", "longdash", "longdashdot"];

function thin(curve, values) {
  const stride = Math.ceil(curve.epoch.length / MOST);
  const kept = curve.epoch.map((_, i) => i).filter((i) => i % stride === 0 || i === curve.epoch.length - 1);
  return { x: kept.map((i) => curve.epoch[i]), y: kept.map((i) => values[i]) };
}

const line = (curve, values, name, shade, dash) => ({
  type: "scatter",
  mode: curve.epoch.length === 1 ? "markers" : "lines",
  name: escape(name),
  ...thin(curve, values),
  line: { color: shade, width: 2, dash },
  marker: { color: shade },
  hovertemplate: "epoch %{x}: %{y:.6g}<extra>%{fullData.name}</extra>",
});

const marked = (epoch) =>
  epoch === undefined
    ? []
    : [
        {
          type: "line",
          x0: epoch,
          x1: epoch,
          yref: "paper",
          y0: 0,
          y1: 1,
          line: { color: colour("ink"), width: 1, dash: "dot" },
        },
      ];

const FEW = 8; // epochs that have a tick each; plotly would put some between them

const epochs = (runs) => ({
  title: { text: "epoch" },
  rangemode: "tozero",
  tickformat: "d",
  dtick: Math.max(...runs.map(({ curve }) => curve.epoch.at(-1) ?? 0)) < FEW ? 1 : null,
});

const rows = (runs, columns) =>
  runs.flatMap(({ title, curve }) =>
    curve.epoch.map((epoch, i) => [
      ...(runs.length > 1 ? [title] : []),
      epoch,
      ...columns.map((column) => column(curve)?.[i] ?? null),
    ]),
  );

// A picture without axes, as long as there is nothing to draw.
const empty = () => ({
  xaxis: { visible: false },
  yaxis: { visible: false },
  annotations: [{ text: "no epochs yet", x: 0.5, y: 0.5, xref: "paper", yref: "paper", showarrow: false }],
});

const trained = (runs) => runs.some(({ curve }) => curve.epoch.length);

// What a label says of the last value of a curve, if there is one yet.
const now = (values) => (values?.length ? `, now ${values.at(-1)}` : "");

// `runs` are {title, curve, here: whether it is looked at}; `epoch` is the one looked at, if any.
export function lossCurve(runs, epoch) {
  const several = runs.length > 1;
  const traces = runs.flatMap(({ title, curve, here }, i) => {
    const shade = several ? classColour(i + 1) : colour("positive");
    const made = [
      line(curve, curve.loss, several ? title : "training", shade, several ? DASHES[i % DASHES.length] : "solid"),
    ];
    if (several && here) made[0].line.width = 3.5;
    if (curve.validation_loss && !several)
      made.push(line(curve, curve.validation_loss, "validation", colour("negative"), "dash"));
    return made;
  });
  return {
    traces,
    layout: trained(runs)
      ? {
          xaxis: epochs(runs),
          yaxis: { rangemode: "tozero" },
          showlegend: traces.length > 1,
          shapes: marked(epoch),
        }
      : empty(),
    label: several ? `Loss of ${runs.length} runs by epoch` : `Loss by epoch${now(runs[0]?.curve.loss)}`,
    tables: () => [
      [
        "Loss by epoch",
        [...(several ? ["Run"] : []), "Epoch", "Training", "Validation"],
        rows(runs, [(curve) => curve.loss, (curve) => curve.validation_loss]),
      ],
    ],
  };
}

export function metricCurve(runs, epoch) {
  const { metric, metrics } = runs[0].curve;
  const name = nameOfMetric(runs[0].curve);
  const traces = runs.map(({ curve }) => line(curve, curve.metrics, name, colour("positive"), "solid"));
  return {
    traces,
    layout: trained(runs)
      ? {
          xaxis: epochs(runs),
          yaxis: metric === "accuracy" ? { tickformat: "~%", rangemode: "tozero" } : {},
          shapes: marked(epoch),
        }
      : empty(),
    label: `${name} by epoch${now(metrics)}`,
    tables: () => [[`${name} by epoch`, ["Epoch", name], rows(runs, [(curve) => curve.metrics])]],
  };
}
