// The log of the system around the agents, the newest on top.

import { h, icon, throttled } from "./dom.js";
import { line } from "./entry.js";
import * as health from "./health.js";
import { LEVELS, LogPages, readFilter } from "./log-pages.js";
import * as notify from "./notify.js";
import { change } from "./route.js";

const PATH = "/api/runtime/system-logs";

export function mount(root, first) {
  let params = first;
  let pages = null;
  let asked = 0;
  const typed = throttled(() => change({ q: text.value.trim() }), 250);
  const text = h("input", {
    type: "search",
    maxlength: "500",
    placeholder: "Text in the message",
    "aria-label": "Search the messages",
    on: { input: typed },
  });
  const level = h(
    "select",
    { "aria-label": "Level", on: { change: () => change({ level: level.value }) } },
    LEVELS.map((name, at) =>
      h("option", { value: at === 0 ? "" : name, text: at === 0 ? "All levels" : `${name} and worse` }),
    ),
  );
  const list = h("ol", { class: "entries" });
  const note = h("p", { class: "note", role: "status", text: "Loading" });
  const more = h("button", { class: "more", type: "button", text: "Load older", hidden: true, on: { click: older } });
  root.append(
    h("h1", { text: "System log" }),
    h(
      "form",
      { class: "filter", role: "search", on: { submit: (event) => event.preventDefault() } },
      h("span", { class: "search" }, icon("search"), text),
      level,
    ),
    note,
    h("div", { class: "panel" }, list, more),
  );

  async function load() {
    const mine = ++asked;
    const source = new LogPages(readFilter(params), 100, PATH);
    try {
      const rows = await source.next();
      if (mine !== asked) return;
      const newest = String(rows[0]?.id ?? "");
      // What was loaded beyond the first page stays, as long as nothing is new.
      if (pages !== null && list.firstElementChild?.dataset.id === newest) return;
      pages = source;
      list.replaceChildren(...rows.map(show));
      note.textContent = rows.length === 0 ? "No entry matches." : "";
      more.hidden = pages.isDone;
    } catch (error) {
      note.textContent = `The log cannot be read: ${error.message}`;
    }
  }

  async function older() {
    try {
      list.append(...(await pages.next()).map(show));
      more.hidden = pages.isDone;
    } catch (error) {
      notify.failed("Older entries cannot be read", error);
    }
  }

  const show = (row) => line({ ...row, log_type: row.component }, { text: params.get("q") ?? "", link: false });
  function restart() {
    level.value = params.get("level") ?? "";
    if (document.activeElement !== text) text.value = params.get("q") ?? "";
    pages = null;
    load();
  }

  // It is written to seldom, and the feed does not tell of it.
  const unlisten = health.listen(load);
  restart();
  return {
    route(next) {
      params = next;
      restart();
    },
    unmount() {
      asked++;
      unlisten();
      typed.stop();
    },
  };
}
