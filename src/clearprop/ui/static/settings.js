// The form of a run's settings. What is changed in it starts another run; the rule that ends a run is kept in force.

import { el, field, format, select, setOptions } from "clearprop/dom.js";
import { parseHidden } from "clearprop/state.js";

const integer = (least, most) =>
  el("input", { type: "number", min: String(least), max: String(most), step: "1", required: true });
const real = (least, attributes = {}) =>
  el("input", { type: "number", min: String(least), step: "any", ...attributes });
const LARGEST_SEED = 2 ** 53 - 1;

export class SettingsForm {
  constructor(page) {
    this.page = page;
    this.controls = {
      problem: select([]),
      noise: el("input", { type: "range", min: "0", max: "50", step: "5" }),
      data_seed: integer(0, LARGEST_SEED),
      weight_seed: integer(0, LARGEST_SEED),
      order_seed: integer(0, LARGEST_SEED),
      hidden: el("input", {
        type: "text",
        autocomplete: "off",
        pattern: "\\s*(\\d{1,3}[\\s,]*){0,8}",
        title: "Units of each hidden layer, for example 4, 2",
      }),
      activation: select([]),
      optimizer: select([]),
      learning_rate: real(0, { required: true }),
      batch_size: integer(1, 65536),
      l2: real(0, { required: true }),
      stop_loss: real(0, { placeholder: "never" }),
      max_epochs: integer(1, 1000000),
      pace: real(0.001, { placeholder: "no limit" }),
    };
    this.written = {}; // what the server knows of each
    const { controls } = this;
    for (const [name, control] of Object.entries(controls)) {
      control.name = name;
      control.id = `setting-${name}`;
      control.addEventListener("change", () => this.changed(name));
    }
    this.percent = el("output", { for: "setting-noise" });
    controls.noise.addEventListener("input", () => (this.percent.textContent = `${controls.noise.value} %`));
    const full = { class: "field full" };
    this.noise = field("Noise ", controls.noise);
    this.noise.querySelector("label").append(this.percent);
    this.made = [
      el("h3", {}, "Network"),
      field("Hidden layers", controls.hidden),
      field("Activation", controls.activation),
      field("Weight seed", controls.weight_seed),
      field("L2", controls.l2),
    ];
    this.fields = el(
      "fieldset",
      { style: { border: "0", display: "contents" } },
      el("h3", {}, "Data"),
      field("Problem", controls.problem, full),
      this.noise,
      field("Data seed", controls.data_seed),
      ...this.made,
      el("h3", {}, "Training"),
      field("Optimizer", controls.optimizer),
      field("Learning rate", controls.learning_rate),
      field("Batch size", controls.batch_size),
      field("Order seed", controls.order_seed),
      field("Epochs at most", controls.max_epochs),
      field("Stop below loss", controls.stop_loss),
      field("Epochs a second at most", controls.pace, full),
    );
    const form = el("form", { "aria-label": "Settings", onsubmit: (event) => event.preventDefault() }, this.fields);
    this.facts = el("dl", { class: "facts" });
    this.form = el("div", {}, form); // for controls can hide a form's own attributes: form.hidden is one here
    this.root = el("div", {}, this.form, this.facts);
  }

  update() {
    const { state } = this.page;
    const { controls } = this;
    this.form.hidden = !this.page.controllable();
    this.facts.hidden = this.page.controllable();
    if (this.form.hidden) {
      this.facts.replaceChildren(
        ...facts(state).map(([name, fact]) => el("div", {}, el("dt", {}, name), el("dd", {}, fact))),
      );
      return;
    }
    setOptions(
      controls.problem,
      state.choices.problems.map(({ name, title }) => [name, title]),
    );
    for (const [name, options] of [
      ["activation", state.choices.activations],
      ["optimizer", state.choices.optimizers],
    ])
      setOptions(
        controls[name],
        options.map((option) => [option, option]),
      );
    const key = JSON.stringify(state.settings);
    if (key !== this.key) {
      this.key = key;
      for (const [name, control] of Object.entries(controls)) {
        if (control === document.activeElement && control.value !== this.written[name]) continue; // is being changed
        const value = state.settings[name];
        control.value =
          value === null || value === undefined ? "" : Array.isArray(value) ? value.join(", ") : String(value);
        this.written[name] = control.value;
      }
      this.percent.textContent = `${controls.noise.value} %`;
    }
    this.noise.hidden = !state.problem.built_in;
    for (const element of this.made) element.hidden = isSaved(state); // its network is as it was saved
  }

  changed(name) {
    const control = this.controls[name];
    if (!control.reportValidity()) return;
    let value = control.value;
    this.written[name] = value;
    if (name === "hidden") value = parseHidden(value);
    else if (control.type === "number" || control.type === "range") value = value === "" ? null : Number(value);
    if (value === undefined) {
      control.setCustomValidity("At most 8 layers of 1 to 512 units, for example 4, 2");
      control.reportValidity();
      control.setCustomValidity("");
      return;
    }
    this.page.change({ [name]: value });
  }
}

// Whether what is trained is a model from a file.
export const isSaved = ({ problem }) => problem.name === "model";

// What is known of a run whose settings cannot be changed here: a recorded one, or one of the user's program.
function facts({ problem, network, settings }) {
  const size = (node) => (node.box === "Input" || node.n_parameters ? ` ${node.shape.join(" \u00d7 ")}` : "");
  const held = problem.n_validation ? `, ${format(problem.n_validation)} to validate on` : "";
  const known = [
    ["Rows", `${format(problem.n_rows)} to train on${held}`],
    ["Target", `${problem.target} (${problem.task})`],
    ["Network", network.nodes.map((node) => `${node.box}${size(node)}`).join(", ")],
    ["Parameters", `${network.n_parameters.toLocaleString("en")}, ${network.dtype}`],
    ["Loss", network.loss],
    ["Optimizer", settings.optimizer],
    ["Learning rate", settings.learning_rate],
    ["Batch size", settings.batch_size],
    ["L2", settings.l2],
    ["Epochs at most", settings.max_epochs],
  ];
  return known.filter(([, fact]) => fact !== null).map(([name, fact]) => [name, String(fact)]);
}
