// The page: what it knows of the run, which view is shown, and when that view asks anew.

import * as api from "clearprop/api.js";
import { el, setText } from "clearprop/dom.js";
import { tabs, theme } from "clearprop/head.js";
import { VIEWS, differing, readHash, writeHash } from "clearprop/state.js";
import { Training } from "clearprop/training.js";
import { DataView } from "clearprop/view_data.js";
import { LayersView } from "clearprop/view_layers.js";
import { LiveView } from "clearprop/view_live.js";
import { RunsView } from "clearprop/view_runs.js";
import { StepView } from "clearprop/view_step.js";

const MAKERS = { live: LiveView, layers: LayersView, step: StepView, data: DataView, runs: RunsView };
// Milliseconds between two questions of a view while the network trains: at least, and at most where it trains as fast
// as it can, so that drawing takes that share of a processor's time.
const [REST, LONGEST, SHARE] = [200, 8000, 1 / 100];
const at = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.state = null;
    this.places = { view: "live" };
    this.run = null; // another run than the present one, to look at
    this.views = {};
    this.training = new Training(this);
    this.busy = false;
    this.wanted = null; // or "now", or "later" if the page may rest before
    this.cost = 0; // milliseconds that the last look took
    this.waited = 0; // milliseconds that questions have waited for answers
    this.wake = () => {};
    this.orders = Promise.resolve();
    this.failures = {};
  }

  async start() {
    await api.open();
    const { places, settings } = readHash(location.hash);
    Object.assign(this.places, places);
    this.show();
    this.state = await api.firstState(() => this.say("Waiting for a training to begin."));
    this.say("");
    this.stateChanged();
    const changes = differing(settings, this.state.settings);
    if (Object.keys(changes).length && this.controllable()) await this.change(changes);
    addEventListener("hashchange", () => this.followHash());
    document.addEventListener("visibilitychange", () => this.refresh());
    if (!api.recorded())
      api.listen(
        this.state.version,
        (data) => this.onEvent(data),
        (up, error) => this.onConnection(up, error),
      );
  }

  recorded() {
    return api.recorded();
  }

  controllable() {
    return !api.recorded() && this.state?.mode === "live";
  }

  // Whether views show the run as it is now, not an epoch of the past.
  present() {
    return this.run === null && this.places.epoch === undefined;
  }

  // The notation of the formulas: the one chosen, else the first.
  notation() {
    const names = this.state.choices.notations.map(({ name }) => name);
    return names.includes(this.places.notation) ? this.places.notation : names[0];
  }

  async get(path, parameters = {}) {
    const asked = performance.now();
    try {
      return await api.get(path, { ...parameters, run: this.run, epoch: this.places.epoch });
    } finally {
      this.waited += performance.now() - asked;
    }
  }

  // The state with another run in the place of the present one.
  getState(run) {
    return api.get("/api/state", { run });
  }

  download(path) {
    return api.download(path);
  }

  async fetchState() {
    this.state = await api.get("/api/state");
    this.stateChanged();
  }

  stateChanged() {
    setText(at("problem-title"), this.state.problem.title);
    document.title = `${this.state.problem.title} \u2013 clearprop`;
    this.training.update();
    this.writeAddress();
    this.refresh();
  }

  async onEvent(data) {
    if (data.reset) {
      await this.fetchState();
      return;
    }
    if (data.version < this.state.version) return; // an answer has overtaken it
    const { curve: news, ...run } = data.run;
    const { from, ...lists } = news;
    const curve = { ...this.state.run.curve };
    for (const [name, values] of Object.entries(lists)) {
      if (!Array.isArray(values)) curve[name] = values;
      else if (curve[name] || values.length) curve[name] = [...(curve[name] ?? []).slice(0, from), ...values];
    }
    this.state.version = data.version;
    this.state.run = { ...run, curve };
    if (data.runs) this.state.runs = data.runs;
    this.training.update();
    const running = run.status === "running";
    const looked = this.refresh(running);
    if (!running) await looked;
  }

  onConnection(up, error) {
    if (up) this.say(this.lost ? "Connected again." : "");
    else if (!this.lost || error?.status === 401) this.say(error?.message ?? "The connection was lost; trying again.");
    this.lost = !up;
  }

  // A line that screen readers say.
  say(text) {
    setText(at("status"), text);
  }

  // An alert, with a title and what to do; without arguments it goes.
  alarm(title, ...lines) {
    const key = [title, ...lines].join("\n");
    if (this.alarmed === key) return;
    this.alarmed = key;
    at("message").replaceChildren(
      ...(title
        ? [el("p", {}, el("strong", {}, title)), ...lines.filter(Boolean).map((line) => el("p", {}, line))]
        : []),
    );
  }

  // Try something; what fails is told until the next thing of its kind succeeds.
  async attempt(action, kind = "question") {
    try {
      await action();
      delete this.failures[kind];
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      this.failures[kind] = error.message;
    }
    this.training.showMessage();
  }

  // Orders go out one after another, in the order in which they were given.
  order(action) {
    this.orders = this.orders.then(() => this.attempt(action, "order"));
    return this.orders;
  }

  control(action) {
    return this.order(async () => {
      const answer = await api.post("/api/control", { action });
      if (answer.run.id === this.state.run.id) await this.onEvent(answer);
      else await this.fetchState();
    });
  }

  change(settings) {
    return this.order(async () => {
      this.state = await api.post("/api/settings", settings);
      this.run = null;
      delete this.places.epoch;
      this.stateChanged();
    });
  }

  // Look somewhere else: another view, row, layer, epoch or notation.
  go(places, run = this.run) {
    const other = places.view !== undefined && places.view !== this.places.view;
    Object.assign(this.places, places);
    for (const [name, value] of Object.entries(places)) if (value === null) delete this.places[name];
    this.run = run;
    this.training.update();
    this.writeAddress(other);
    if (other) this.show();
    return this.refresh();
  }

  writeAddress(keep = false) {
    const settings = { ...this.state.settings };
    if (!this.state.problem.built_in) delete settings.problem;
    const address = (view) => writeHash({ ...this.places, view }, settings);
    try {
      history[keep ? "pushState" : "replaceState"](null, "", address(this.places.view));
    } catch {
      // a page within a notebook has no address of its own
    }
    for (const view of VIEWS) at(`tab-${view}`).setAttribute("href", address(view));
  }

  async followHash() {
    const { places, settings } = readHash(location.hash);
    this.places = { view: "live", ...places };
    this.show();
    const changes = differing(settings, this.state.settings);
    if (Object.keys(changes).length && this.controllable()) await this.change(changes);
    else {
      this.training.update();
      this.writeAddress();
      await this.refresh();
    }
  }

  show() {
    for (const view of VIEWS) {
      const shown = view === this.places.view;
      at(`view-${view}`).hidden = !shown;
      at(`tab-${view}`).setAttribute("aria-selected", String(shown));
      at(`tab-${view}`).tabIndex = shown ? 0 : -1;
    }
    const name = this.places.view;
    this.views[name] ??= new MAKERS[name](at(`view-${name}`), this);
  }

  // The visible view asks anew; while it still does, one further wish is kept, so the latest wins. A patient wish lets
  // the page rest after a look at a training.
  async refresh(patient = false) {
    this.wanted = patient ? (this.wanted ?? "later") : "now";
    if (!patient) this.wake();
    if (this.busy || !this.state) return;
    this.busy = true;
    try {
      while (this.wanted && !document.hidden) {
        this.wanted = null;
        const before = this.cost;
        this.cost = await this.look();
        // the first look at a view may have to load what later ones find there
        if (this.wanted !== "now") await this.rest(Math.min(before, this.cost));
      }
    } finally {
      this.busy = false;
    }
  }

  // Let the visible view draw what is now, and return the milliseconds that took, without what it waited for.
  async look() {
    const began = performance.now() - this.waited;
    await this.attempt(() => this.views[this.places.view].update(), "view");
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))); // until it is painted
    return performance.now() - this.waited - began;
  }

  rest(cost) {
    const { run, settings } = this.state;
    if (run.status !== "running") return null;
    const time = settings.pace === null ? Math.min(Math.max(cost / SHARE, REST), LONGEST) : REST;
    return new Promise((resolve) => {
      this.wake = resolve;
      setTimeout(resolve, time);
    });
  }
}

theme();
const page = new Page();
tabs(page);
page.start().catch((error) => {
  page.alarm(
    "The page could not start.",
    error.message,
    error.status === 401 ? "Open it with the whole address that the program printed." : "",
  );
  if (!(error instanceof api.ApiError)) throw error;
});
