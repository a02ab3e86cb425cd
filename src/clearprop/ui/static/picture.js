// Rows whose columns are pixels (pixel_0_0, pixel_0_1, ...) are shown as pictures.

import { svg } from "clearprop/dom.js";

const PIXEL = /^pixel_(\d{1,3})_(\d{1,3})$/;

export const isPicture = (columns) => columns.length > 0 && columns.every((name) => PIXEL.test(name));

// A picture of `size` pixels of the screen; `values` are from 0 to `most`, which is black on white paper.
export function picture(columns, values, size) {
  const places = columns.map((name) => PIXEL.exec(name).slice(1).map(Number));
  const [height, width] = [0, 1].map((axis) => Math.max(...places.map((place) => place[axis])) + 1);
  const most = Math.max(...values.map(Number), 1e-12);
  return svg(
    "svg",
    {
      class: "picture",
      viewBox: `0 0 ${width} ${height}`,
      width: size,
      height: (size * height) / width,
      "aria-hidden": "true",
      "shape-rendering": "crispEdges",
    },
    places.map(([y, x], i) =>
      svg("rect", { x, y, width: 1, height: 1, "fill-opacity": (Number(values[i]) / most).toFixed(3) }),
    ),
  );
}
