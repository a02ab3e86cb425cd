// The bar above every view: buttons that train, where training stands, and the message of a run that failed.

import { hasMetric, nameOfMetric } from "clearprop/curves.js";
import { el, exact, format, icon, percent, setText } from "clearprop/dom.js";
import { isSaved } from "clearprop/settings.js";

const STATUS = {
  idle: "Not trained yet",
  running: "Training",
  paused: "Paused",
  finished: "Finished",
  diverged: "Diverged",
};

export class Training {
  constructor(page) {
    this.page = page;
    const button = (name, text, attributes = {}) =>
      el(
        "button",
        { type: "button", id: `control-${name}`, hidden: true, onclick: () => this.press(name), ...attributes },
        icon(name),
        el("span", {}, text),
      );
    this.buttons = {
      play: button("play", "Play", { class: "primary" }),
      batch: button("batch", "One batch"),
      epoch: button("epoch", "One epoch"),
      rewind: button("rewind", "Rewind"),
      stop: button("stop", "Stop"),
    };
    this.back = el("button", {
      type: "button",
      id: "control-present",
      class: "link",
      hidden: true,
      onclick: () => page.go({ epoch: null }, null),
    });
    document.getElementById("controls").append(...Object.values(this.buttons), this.back);
    this.figures = {};
    for (const [name, label] of [
      ["status", "Status"],
      ["epoch", "Epoch"],
      ["batch", "Batch"],
      ["loss", "Loss"],
      ["validation_loss", "Validation loss"],
      ["metric", "Accuracy"],
    ]) {
      const [term, value] = [el("dt", {}, label), el("dd", { id: `figure-${name}` }, "\u2013")];
      this.figures[name] = { term, value, group: el("div", {}, term, value) };
      document.getElementById("figures").append(this.figures[name].group);
    }
  }

  press(name) {
    const running = this.page.state?.run.status === "running";
    return this.page.control(name === "play" && running ? "pause" : name);
  }

  update() {
    const { page, buttons } = this;
    if (!page.state) return;
    const { run, mode } = page.state;
    const ended = run.status === "diverged" || run.status === "finished";
    for (const [name, button] of Object.entries(buttons)) {
      const has = page.recorded() ? false : mode === "watch" ? name === "play" || name === "stop" : name !== "stop";
      button.hidden = !has;
    }
    const running = run.status === "running";
    if (this.running !== running) {
      this.running = running;
      buttons.play.replaceChildren(icon(running ? "pause" : "play"), el("span", {}, running ? "Pause" : "Play"));
    }
    buttons.play.disabled = run.status === "diverged" || (mode === "watch" && ended);
    buttons.batch.disabled = buttons.epoch.disabled = running || run.status === "diverged";
    buttons.stop.disabled = ended;
    this.back.hidden = page.present();
    const past = [];
    if (page.run !== null) past.push(`run ${page.run}`);
    if (page.places.epoch !== undefined) past.push(`epoch ${page.places.epoch}`);
    setText(this.back, `Looking at ${past.join(", ")}: back to the present`);
    this.showFigures(run);
    this.showMessage();
    const moment = `${run.id} ${run.status}`;
    if (this.moment !== moment) {
      const why = run.status === "finished" && run.message;
      const where = ["idle", "running"].includes(run.status) ? "" : why ? `: ${run.message}` : ` at epoch ${run.epoch}`;
      if (this.moment !== undefined) page.say(`${STATUS[run.status]}${where}.`);
      this.moment = moment;
    }
  }

  showFigures(run) {
    const { curve } = run;
    const set = (name, text, value) => {
      setText(this.figures[name].value, text);
      if (value !== undefined) this.figures[name].value.dataset.value = exact(value);
    };
    set("status", statusOf(this.page, run));
    set("epoch", format(run.epoch), run.epoch);
    set("batch", `${run.batch} of ${run.n_batches}`, run.batch);
    set("loss", format(curve.loss.at(-1)), curve.loss.at(-1));
    this.figures.validation_loss.group.hidden = !curve.validation_loss;
    if (curve.validation_loss)
      set("validation_loss", format(curve.validation_loss.at(-1)), curve.validation_loss.at(-1));
    this.figures.metric.group.hidden = !hasMetric(curve);
    if (hasMetric(curve)) {
      setText(this.figures.metric.term, nameOfMetric(curve));
      const last = curve.metrics?.at(-1);
      set("metric", curve.metric === "r2" ? format(last) : percent(last), last);
    }
  }

  showMessage() {
    const { run } = this.page.state ?? {};
    const failures = Object.values(this.page.failures);
    if (failures.length) this.page.alarm("That did not work.", ...failures);
    else if (run?.status === "diverged") {
      this.page.alarm(
        "Training diverged.",
        run.message,
        this.page.controllable() ? "Set a smaller learning rate, or change another setting, and rewind." : "",
      );
    } else this.page.alarm();
  }
}

function statusOf(page, run) {
  const text = run.status === "idle" && isSaved(page.state) ? "As saved" : STATUS[run.status];
  return page.recorded() ? `Recorded, ${text.toLowerCase()}` : text;
}
