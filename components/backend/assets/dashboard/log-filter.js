// The controls of the log: which entries are shown, as the address says.

import { h, icon, throttled } from "./dom.js";
import { time } from "./format.js";
import { LEVELS } from "./log-pages.js";
import { change } from "./route.js";
import * as store from "./store.js";

const TYPES = ["state_change", "milestone", "error", "performance", "tool_call", "cost_update"];
const LAST = { "15m": "Last 15 minutes", "1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days" };

/** `buttons` stand beside the controls. */
export function logFilter(buttons) {
  const level = choice(
    "level",
    "All levels",
    Object.fromEntries(LEVELS.slice(1).map((name) => [name, levelLabel(name)])),
  );
  const type = choice("log_type", "All types", Object.fromEntries(TYPES.map((name) => [name, name])));
  const last = choice("last", "Any time", LAST);
  const typed = throttled(() => change({ q: text.value.trim() }), 250);
  const text = h("input", {
    type: "search",
    maxlength: "500",
    placeholder: "Text in the message",
    "aria-label": "Search the messages",
    on: { input: typed },
  });
  const only = h("span", { class: "only" });
  const element = h(
    "form",
    { class: "filter", role: "search", on: { submit: (event) => event.preventDefault() } },
    h("span", { class: "search" }, icon("search"), text),
    level,
    type,
    last,
    only,
    h("span", { class: "buttons" }, buttons),
  );

  function choice(name, all, labels) {
    const options = Object.entries(labels).map(([value, label]) => h("option", { value, text: label }));
    return h(
      "select",
      { name, "aria-label": all, on: { change: (event) => change({ [name]: event.target.value }) } },
      h("option", { value: "", text: all }),
      options,
    );
  }

  /** Filters of the address that have no control: a button that takes it away. */
  function showOnly(params) {
    const shown = ["agent", "session", "since", "until"].filter((name) => params.get(name));
    only.replaceChildren(
      ...shown.map((name) => {
        const value = params.get(name);
        const said = name === "agent" ? store.get(value)?.name || value : name === "session" ? value : time(value);
        const words = { since: "from", until: "before" };
        return h(
          "button",
          {
            class: "chip",
            type: "button",
            "aria-label": `Remove the filter ${name} ${said}`,
            on: { click: () => change({ [name]: "", entry: "" }) },
          },
          `${words[name] ?? name} ${said}`,
          icon("close"),
        );
      }),
    );
  }

  function show(params) {
    level.value = params.get("level") ?? "";
    type.value = params.get("log_type") ?? "";
    last.value = params.get("last") ?? "";
    if (document.activeElement !== text) text.value = params.get("q") ?? "";
    showOnly(params);
  }

  return { element, show, unmount: typed.stop };
}

function levelLabel(level) {
  const name = level.charAt(0) + level.slice(1).toLowerCase();
  return level === LEVELS.at(-1) ? name : `${name} and worse`;
}
