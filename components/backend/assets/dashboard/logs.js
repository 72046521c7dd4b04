// The log as it comes, the newest on top. Who has scrolled down is left in peace: new entries wait above.

import * as api from "./api.js";
import { introduce, line } from "./entry.js";
import { h, icon, throttled } from "./dom.js";
import { retentionLine } from "./retention.js";
import { change } from "./route.js";
import * as notify from "./notify.js";
import * as store from "./store.js";

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
const TYPES = ["state_change", "milestone", "error", "performance", "tool_call", "cost_update"];
const POLL = 1500;
/** What came between two looks and is more than this many pages is not shown until asked for. */
const MOST_PAGES = 10;
/** The most lines in the page; older ones come back on demand. */
const MOST_LINES = 2000;

export function mount(root, first) {
  let params = first;
  let newest = 0;
  let next = null;
  let waiting = [];
  let paused = false;
  let abort = new AbortController();
  let timer = 0;

  const list = h("ol", { class: "entries" });
  const older = h("button", {
    class: "more",
    type: "button",
    text: "Load older",
    hidden: true,
    on: { click: loadOlder },
  });
  const box = h(
    "div",
    { class: "log", tabindex: "0", role: "region", "aria-label": "Log entries", on: { scroll } },
    list,
    older,
  );
  const fresh = h("button", { class: "fresh primary", type: "button", hidden: true, on: { click: toTop } });
  const pause = h("button", { type: "button", "aria-pressed": "false", text: "Pause", on: { click: togglePause } });
  const note = h("p", { class: "note", role: "status", text: "Loading" });
  const level = choice("level", "All levels", LEVELS);
  const type = choice("log_type", "All types", TYPES);
  const typed = throttled(() => change({ q: text.value.trim() }), 250);
  const text = h("input", {
    type: "search",
    maxlength: "500",
    placeholder: "Text in the message",
    "aria-label": "Search the messages",
    on: { input: typed },
  });
  const only = h("span", { class: "only" });
  const filter = h(
    "form",
    { class: "filter", role: "search", on: { submit: (event) => event.preventDefault() } },
    h("span", { class: "search" }, icon("search"), text),
    level,
    type,
    only,
    pause,
  );
  const retention = retentionLine();
  root.append(h("h1", { text: "Logs" }), filter, note, retention.element, h("div", { class: "logbox" }, fresh, box));

  function choice(name, all, values) {
    const options = [
      h("option", { value: "", text: all }),
      ...values.map((value) => h("option", { value, text: value })),
    ];
    return h(
      "select",
      { name, "aria-label": all, on: { change: (event) => change({ [name]: event.target.value }) } },
      options,
    );
  }

  /** One filter of the address that has no control: a button that takes it away. */
  function showOnly() {
    const shown = ["agent", "session"].filter((name) => params.get(name));
    only.replaceChildren(
      ...shown.map((name) => {
        const known = name === "agent" && store.get(params.get(name))?.name;
        const label = `${name} ${known || params.get(name)}`;
        return h(
          "button",
          {
            class: "chip",
            type: "button",
            "aria-label": `Remove the filter ${label}`,
            on: { click: () => change({ [name]: "" }) },
          },
          label,
          icon("close"),
        );
      }),
    );
  }

  function path() {
    const query = new URLSearchParams({ limit: "100" });
    const names = { level: "level", log_type: "log_type", q: "q", agent: "agent_id", session: "session_id" };
    for (const [name, parameter] of Object.entries(names)) if (params.get(name)) query.set(parameter, params.get(name));
    return `/api/runtime/logs?${query}`;
  }

  /** Starts anew, with the filter of the address. */
  function restart() {
    abort.abort();
    abort = new AbortController();
    [newest, next, waiting] = [0, null, []];
    level.value = params.get("level") ?? "";
    type.value = params.get("log_type") ?? "";
    if (document.activeElement !== text) text.value = params.get("q") ?? "";
    showOnly();
    list.replaceChildren();
    poll(abort.signal);
  }

  async function poll(signal) {
    clearTimeout(timer);
    try {
      const begun = newest === 0;
      const rows = await since(begun, signal);
      if (signal.aborted) return;
      newest = Math.max(newest, ...rows.map((row) => row.id));
      waiting = [...rows, ...waiting].slice(0, MOST_LINES);
      if (begun || (!paused && box.scrollTop < 8)) flush();
      showWaiting();
      note.textContent = list.childElementCount === 0 ? "No entry matches." : "";
    } catch (error) {
      if (signal.aborted) return;
      note.textContent = `The log cannot be read: ${error.message}`;
    }
    if (!signal.aborted) timer = setTimeout(() => poll(signal), POLL);
  }

  /** What is newer than what is shown, over as many pages as it takes. */
  async function since(begun, signal) {
    const found = [];
    let from = path();
    for (let pages = 0; from && pages < MOST_PAGES; pages++) {
      const { rows, next: following } = await api.page(from, { signal });
      // Ids only grow: the newest entries were deleted, or the database is another one.
      if (!begun && pages === 0 && (rows[0]?.id ?? 0) < newest) {
        restart();
        return [];
      }
      const fresh = rows.filter((row) => row.id > newest);
      found.push(...fresh);
      if (begun) next = following;
      if (begun || fresh.length < rows.length) break;
      from = following;
    }
    return found;
  }

  function flush() {
    list.prepend(...waiting.map(show));
    waiting = [];
    while (list.childElementCount > MOST_LINES) list.lastElementChild.remove();
    older.hidden = next === null || list.childElementCount >= MOST_LINES;
  }

  function show(row) {
    return line(row, true);
  }

  function showWaiting() {
    fresh.hidden = waiting.length === 0;
    fresh.textContent = waiting.length === 1 ? "1 new entry" : `${waiting.length} new entries`;
  }

  function scroll() {
    if (box.scrollTop < 8 && !paused && waiting.length > 0) {
      flush();
      showWaiting();
    }
  }

  function toTop() {
    box.scrollTop = 0;
    flush();
    showWaiting();
    box.focus();
  }

  function togglePause() {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Paused" : "Pause";
    if (!paused) toTop();
  }

  async function loadOlder() {
    older.disabled = true;
    try {
      const { rows, next: following } = await api.page(next, { signal: abort.signal });
      next = following;
      list.append(...rows.map(show));
      older.hidden = next === null;
      // Whose end is still in sight is told of again.
      end.unobserve(older);
      end.observe(older);
    } catch (error) {
      if (error.name !== "AbortError") notify.failed("Older entries cannot be read", error);
    }
    older.disabled = false;
  }

  // Who scrolls to the end need not press the button.
  const end = new IntersectionObserver(
    ([seen]) => seen.isIntersecting && !older.hidden && !older.disabled && loadOlder(),
    { root: box, rootMargin: "200px" },
  );
  end.observe(older);
  const unlisten = store.listen((_, whole) => {
    if (whole) for (const link of list.querySelectorAll(".who")) introduce(link);
  });
  restart();
  return {
    route(changed) {
      params = changed;
      restart();
    },
    unmount() {
      abort.abort();
      clearTimeout(timer);
      end.disconnect();
      typed.stop();
      retention.unmount();
      unlisten();
    },
  };
}
