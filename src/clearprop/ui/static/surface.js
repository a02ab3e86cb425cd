// The surface of Live: what the network says of two columns, with the rows as points over it.

import { SYMBOLS, classColour, colour, escape, mix } from "clearprop/chart.js";
import { el, exact, format, number, percent, shorten } from "clearprop/dom.js";

const MOST_NAMED = 20; // classes in a legend; those of more are read where the pointer is

// What the picture cannot say by itself.
export function noteOf({ points: { validation }, surface }, { classes }) {
  const fixed = Object.entries(surface.fixed);
  const said = [];
  if (classes?.length > MOST_NAMED) said.push(`${classes.length} classes: point at a row to read its own. `);
  if (validation.some(Boolean)) said.push("Hollow points: validation rows. ");
  if (fixed.length === 1) said.push(`${shorten(fixed[0][0])} is `, number(fixed[0][1]), ".");
  else if (fixed.length) said.push(`The other ${fixed.length} columns are at their medians.`);
  return said;
}

const scale = (low, middle, high) => [
  [0, low],
  [0.5, middle],
  [1, high],
];

// The smallest and the largest target: predictions share the colours, those beyond have the last one.
function extent({ points: { target } }) {
  const values = target.map(Number).filter(Number.isFinite);
  return [Math.min(...values), Math.max(...values)];
}

function heatmap(answer, n_classes) {
  const { surface } = answer;
  const base = { type: "heatmap", x: surface.x, y: surface.y, zsmooth: "fast", showscale: false, hoverinfo: "skip" };
  const paper = colour("page");
  if (surface.kind === "classes") {
    const stops = [...Array(n_classes).keys()].flatMap((i) => [
      [i / n_classes, mix(classColour(i), paper, 0.06)],
      [(i + 0.9999) / n_classes, mix(classColour(i), paper, 0.5)],
    ]);
    stops[stops.length - 1][0] = 1;
    const least = 1 / n_classes;
    const z = surface.z.map((row, i) =>
      row.map((index, j) => Number(index) + 0.999 * Math.max((surface.probability[i][j] - least) / (1 - least), 0)),
    );
    return [{ ...base, zsmooth: false, z, zmin: 0, zmax: n_classes, colorscale: stops }];
  }
  const colours = scale(mix(colour("negative"), paper, 0.5), paper, mix(colour("positive"), paper, 0.5));
  const [zmin, zmax] = extent(answer);
  if (surface.kind === "value") return [{ ...base, z: surface.z, zmin, zmax, colorscale: colours }];
  return [
    { ...base, z: surface.z, zmin: 0, zmax: 1, colorscale: colours },
    {
      type: "contour",
      x: surface.x,
      y: surface.y,
      z: surface.z,
      showscale: false,
      showlegend: false,
      hoverinfo: "skip",
      line: { color: colour("ink"), width: 1.2 },
      contours: { coloring: "none", start: 0.5, end: 0.5, size: 1 },
      colorscale: [
        [0, colour("ink")],
        [1, colour("ink")],
      ],
    },
  ];
}

function points(answer, problem) {
  const { points: at, surface } = answer;
  const [cmin, cmax] = extent(answer);
  const groups = problem.classes ?? [null];
  return groups.flatMap((name, i) =>
    [false, true].map((validation) => {
      const rows = at.x
        .map((_, row) => row)
        .filter((row) => Boolean(at.validation[row]) === validation && (name === null || at.target[row] === i));
      const values = rows.map((row) => at.target[row]);
      const shade = name === null ? values : classColour(i);
      return {
        type: "scatter",
        mode: "markers",
        name: escape(shorten(String(name ?? (validation ? "validation" : "rows")))),
        showlegend: !validation && name !== null,
        legendgroup: String(i),
        x: rows.map((row) => at.x[row]),
        y: rows.map((row) => at.y[row]),
        hovertemplate: "%{text}<extra></extra>",
        text: rows.map((row) =>
          escape(
            `${name === null ? format(at.target[row]) : name}: ` +
              `${shorten(surface.x_name)} ${format(at.x[row])}, ${shorten(surface.y_name)} ${format(at.y[row])}`,
          ),
        ),
        marker: {
          symbol: `${SYMBOLS[i % SYMBOLS.length]}${validation ? "-open" : ""}`,
          size: 7,
          color: shade,
          line: validation ? { width: 1.6 } : { width: 1, color: colour(name === null ? "control" : "page") },
          ...(name === null && {
            cmin,
            cmax,
            colorscale: scale(colour("negative"), colour("page"), colour("positive")),
            showscale: !validation,
            colorbar: { thickness: 10, outlinewidth: 0, tickfont: { color: colour("muted") } },
          }),
        },
      };
    }),
  );
}

export function surfacePicture(answer, problem) {
  const { points: at, surface } = answer;
  const names = problem.classes ?? [];
  const said = {
    classes: "Most probable class and its probability",
    binary: `Probability of ${names[1]}`,
    value: "Prediction",
  };
  const shown = (i, j) =>
    surface.kind === "classes"
      ? el(
          "span",
          { "data-value": exact(surface.probability[i][j]) },
          `${names[surface.z[i][j]]}, ${percent(surface.probability[i][j])}`,
        )
      : surface.z[i][j];
  const meant = (value) => (problem.classes ? String(names[value]) : value);
  const axis = (name, values) => ({
    title: { text: escape(shorten(name)) },
    range: [values[0], values.at(-1)],
    zeroline: false,
    showgrid: false,
  });
  return {
    traces: points(answer, problem),
    ground: heatmap(answer, names.length),
    layout: {
      showlegend: names.length > 0 && names.length <= MOST_NAMED,
      legend: { title: { text: escape(problem.target) } },
      xaxis: axis(surface.x_name, surface.x),
      yaxis: axis(surface.y_name, surface.y),
    },
    label:
      `${surface.kind === "value" ? "Prediction" : "Probability of the classes"} ` +
      `by ${surface.x_name} and ${surface.y_name}, with ${answer.points.x.length} rows`,
    tables: () => [
      [
        `${said[surface.kind]} at ${surface.y_name} (down) and ${surface.x_name} (across)`,
        [surface.y_name, ...surface.x.map((value) => el("th", { scope: "col", class: "number" }, number(value, 3)))],
        surface.y.map((value, i) => [number(value, 3), ...surface.z[i].map((_, j) => shown(i, j))]),
      ],
      [
        "The points",
        [surface.x_name, surface.y_name, problem.target, "Predicted", "Part"],
        at.x.map((value, i) => [
          value,
          at.y[i],
          meant(at.target[i]),
          meant(at.prediction[i]),
          at.validation[i] ? "validation" : "training",
        ]),
      ],
    ],
  };
}
