// The head of the page: tabs and theme.

import { themeChanged } from "clearprop/chart.js";
import { setText } from "clearprop/dom.js";
import { VIEWS } from "clearprop/state.js";

const at = (id) => document.getElementById(id);

// The tabs: arrows, Home and End walk through them, as through any list of tabs.
export function tabs(page) {
  const list = document.querySelector("[role=tablist]");
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]"); // there is room between them
    if (!tab || event.ctrlKey || event.metaKey || event.shiftKey || !page.state) return; // another window
    event.preventDefault();
    page.go({ view: tab.id.replace("tab-", "") });
  });
  list.addEventListener("keydown", (event) => {
    const here = VIEWS.indexOf(document.activeElement.id.replace("tab-", ""));
    const last = VIEWS.length - 1;
    const to = {
      ArrowLeft: here ? here - 1 : last,
      ArrowRight: here < last ? here + 1 : 0,
      Home: 0,
      End: last,
      " ": here,
    }[event.key];
    if (here < 0 || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    at(`tab-${VIEWS[to]}`).focus();
    at(`tab-${VIEWS[to]}`).click();
  });
}

// The button for light and dark.
export function theme() {
  const names = ["system", "light", "dark"];
  let chosen = document.documentElement.dataset.theme ?? "system"; // index.html has read it
  const apply = () => {
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    setText(at("theme"), `Theme: ${chosen}`);
    themeChanged();
  };
  at("theme").addEventListener("click", () => {
    chosen = names[(names.indexOf(chosen) + 1) % names.length];
    try {
      localStorage.setItem("clearprop-theme", chosen);
    } catch {
      // without storage the choice lasts as long as the page
    }
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  apply();
}
