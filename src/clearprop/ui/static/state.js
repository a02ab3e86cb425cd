// What the address keeps: the view, what is learned, the network, and where one looks. Never data, paths or the token.

export const VIEWS = ["live", "layers", "step", "data", "runs"];
const NAME = /^[A-Za-z][\w .()-]{0,63}$/;
const SEED = 2 ** 53 - 1;

const integer = (least, most) => (text) => {
  const number = Number(text);
  return Number.isInteger(number) && number >= least && number <= most ? number : undefined;
};
const real = (least, most) => (text) => {
  const number = Number(text);
  return text.trim() !== "" && number >= least && number <= most ? number : undefined;
};
const name = (text) => (NAME.test(text) ? text : undefined);

export function parseHidden(text) {
  if (text.trim() === "") return [];
  const units = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(integer(1, 512));
  return units.length <= 8 && !units.includes(undefined) ? units : undefined;
}

const SETTINGS = {
  problem: name,
  noise: real(0, 50),
  data_seed: integer(0, SEED),
  weight_seed: integer(0, SEED),
  order_seed: integer(0, SEED),
  hidden: parseHidden,
  activation: name,
  optimizer: name,
  learning_rate: real(0, 1e6),
  batch_size: integer(1, 65536),
  l2: real(0, 1e6),
  stop_loss: real(0, 1e9),
  max_epochs: integer(1, 1e6),
  pace: real(0.001, 1e6),
};

const PLACES = {
  view: (text) => (VIEWS.includes(text) ? text : undefined),
  row: integer(0, 1e9),
  layer: name,
  epoch: integer(0, 1e9),
  notation: name,
  step: (text) => (/^[\w.' -]{1,100}$/.test(text) ? text : undefined),
};

// Read an address such as "#view=step&row=3"; whatever is out of bounds is left out.
export function readHash(hash) {
  const places = {},
    settings = {};
  for (const [key, text] of new URLSearchParams(hash.replace(/^#/, "").slice(0, 2000))) {
    if (key in PLACES) {
      const value = PLACES[key](text);
      if (value !== undefined) places[key] = value;
    } else if (key in SETTINGS) {
      const value = SETTINGS[key](text);
      if (value !== undefined) settings[key] = value;
    }
  }
  return { places, settings };
}

export function writeHash(places, settings) {
  const items = [];
  for (const [values, known] of [
    [places, PLACES],
    [settings, SETTINGS],
  ]) {
    for (const key of Object.keys(known)) {
      const value = values[key];
      if (value === null || value === undefined) continue;
      items.push(`${key}=${encodeURIComponent(Array.isArray(value) ? value.join(",") : value).replaceAll("%2C", ",")}`);
    }
  }
  return `#${items.join("&")}`;
}

// Those of `wanted` that differ from what is in force.
export function differing(wanted, present) {
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => String(value) !== String(present[key])));
}
