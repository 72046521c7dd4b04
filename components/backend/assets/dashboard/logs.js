// The log as it comes, the newest on top. Who has scrolled down is left in peace: new entries wait above.

import * as api from "./api.js";
import { introduce, line } from "./entry.js";
import { h } from "./dom.js";
import { exact, time } from "./format.js";
import * as health from "./health.js";
import * as logFeed from "./log-feed.js";
import { logFilter } from "./log-filter.js";
import { logHistogram } from "./log-histogram.js";
import { LogPages, filtered, queries, readFilter } from "./log-pages.js";
import { retentionLine } from "./retention.js";
import { to } from "./route.js";
import * as notify from "./notify.js";
import * as store from "./store.js";

/** The most lines in the page, and the most that wait above. Older ones come back on demand. */
const MOST_LINES = 2000;
/** More at once than this are not put above what is there, but in its place. */
const MOST_AT_ONCE = 300;
/** How far is looked for what came meanwhile, for an entry, or for an error: in pages. */
const MOST_PAGES = 10;
/** Who is so near the end, in pixels, gets what is older. */
const NEAR = 200;

export function mount(root, first) {
  let params = first;
  let filter = readFilter(params);
  let pages = new LogPages(filter);
  let newest = 0;
  let waiting = [];
  /** More are waiting than are kept. */
  let many = false;
  /** Lines at the end were dropped, so that `pages` goes on after others. */
  let cut = false;
  let paused = false;
  let abort = new AbortController();
  /** What is done with the list is done in order. */
  let queue = Promise.resolve();

  const list = h("ol", { class: "entries" });
  const older = h("button", {
    class: "more",
    type: "button",
    text: "Load older",
    hidden: true,
    on: { click: loadOlder },
  });
  const earlier = h("a", { class: "button more", hidden: true });
  const box = h(
    "div",
    { class: "log", tabindex: "0", role: "region", "aria-label": "Log entries", on: { scroll } },
    list,
    older,
    earlier,
  );
  const fresh = h("button", { class: "fresh primary", type: "button", hidden: true, on: { click: toTop } });
  const pause = h("button", { type: "button", "aria-pressed": "false", text: "Pause", on: { click: togglePause } });
  const error = h("button", { type: "button", text: "Next error", title: "Key: e", on: { click: nextError } });
  const save = ["csv", "ndjson"].map((format) =>
    h("button", { type: "button", text: `Export ${format.toUpperCase()}`, on: { click: () => download(format) } }),
  );
  const note = h("p", { class: "note", role: "status", text: "Loading" });
  const filters = logFilter([error, ...save, pause]);
  const histogram = logHistogram();
  const retention = retentionLine();
  root.append(
    h(
      "div",
      { class: "row" },
      h("h1", { text: "Logs" }),
      h("a", { href: to("logs", "", { level: "ERROR", last: "1h" }), text: "Errors in the last hour" }),
      h("a", { href: to("needs", "", { since: "hour" }), text: "Agents that failed in the last hour" }),
      h("a", { href: to("system"), text: "System log" }),
    ),
    filters.element,
    histogram.element,
    note,
    retention.element,
    h("div", { class: "logbox" }, fresh, box),
  );

  /** Does `job` after what is being done, unless the filter is another one by then. */
  function enqueue(job) {
    const { signal } = abort;
    queue = queue.then(async () => {
      if (signal.aborted) return;
      try {
        await job(signal);
        if (!signal.aborted) showNote();
      } catch (problem) {
        if (!signal.aborted) note.textContent = `The log cannot be read: ${problem.message}`;
      }
    });
    return queue;
  }

  function showNote() {
    note.textContent = list.childElementCount === 0 ? "No entry matches." : "";
  }

  /** Starts anew, with the filter of the address. */
  function restart() {
    abort.abort();
    abort = new AbortController();
    filters.show(params);
    histogram.show(params, readFilter(params));
    enqueue(async (signal) => {
      filter = readFilter(params);
      pages = new LogPages(filter);
      const rows = await pages.next(signal);
      if (signal.aborted) return;
      newest = rows[0]?.id ?? 0;
      [waiting, many, cut] = [[], false, false];
      list.replaceChildren(...rows.map(show));
      box.scrollTop = 0;
      showWaiting();
      showOlder();
      loadAtEnd();
      await showEntry(params.get("entry"), signal);
    });
  }

  /** What comes with the feed. A log that ends before now does not go on. */
  function entries(rows) {
    if (filter.until) return;
    enqueue(async (signal) => {
      const found = await filtered(rows, filter);
      if (!signal.aborted) take(found.toReversed());
    });
  }

  /** Looks for what came while the feed told of nothing. */
  function behind() {
    if (filter.until) return;
    enqueue(async (signal) => {
      const source = new LogPages(filter);
      const found = [];
      for (let count = 0; count < MOST_PAGES && !source.isDone; count++) {
        const rows = await source.next(signal);
        const fresh = rows.filter((row) => row.id > newest);
        found.push(...fresh);
        if (fresh.length < rows.length) break;
        if (count === MOST_PAGES - 1) many = true;
      }
      if (!signal.aborted) take(found);
    });
  }

  /** The newest first. */
  function take(rows) {
    const fresh = rows.filter((row) => row.id > newest);
    if (fresh.length === 0) return;
    newest = fresh[0].id;
    waiting = [...fresh, ...waiting];
    many ||= waiting.length > MOST_LINES;
    waiting.length = Math.min(waiting.length, MOST_LINES);
    if (!paused && box.scrollTop < 8) flush();
    showWaiting();
  }

  function flush() {
    if (many || waiting.length > MOST_AT_ONCE) {
      cut ||= list.childElementCount > 0 || many || waiting.length > MOST_AT_ONCE;
      list.replaceChildren();
    }
    list.prepend(...waiting.slice(0, MOST_AT_ONCE).map(show));
    [waiting, many] = [[], false];
    while (list.childElementCount > MOST_LINES) {
      list.lastElementChild.remove();
      cut = true;
    }
    showOlder();
  }

  /** What follows the last line: more of the list, or what was dropped there, by its time. */
  function showOlder() {
    older.hidden = cut || pages.isDone || list.childElementCount >= MOST_LINES;
    const end = list.lastElementChild?.querySelector("time").dateTime;
    earlier.hidden = !(end && (cut || (!pages.isDone && list.childElementCount >= MOST_LINES)));
    if (earlier.hidden) return;
    const until = new Date(Date.parse(end) + 1).toISOString();
    earlier.textContent = `Entries before ${time(end)}`;
    earlier.href = to("logs", "", { ...Object.fromEntries(params), until });
  }

  function show(row) {
    return line(row, { linked: true, text: filter.q });
  }

  function showWaiting() {
    fresh.hidden = waiting.length === 0;
    const number = `${exact(waiting.length)}${many ? "+" : ""}`;
    fresh.textContent = waiting.length === 1 ? "1 new entry" : `${number} new entries`;
  }

  function scroll() {
    if (box.scrollTop < 8 && !paused && waiting.length > 0) {
      flush();
      showWaiting();
    }
    loadAtEnd();
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

  async function append(signal) {
    const rows = await pages.next(signal);
    list.append(...rows.map(show));
    showOlder();
  }

  async function loadOlder() {
    const { signal } = abort;
    older.disabled = true;
    try {
      await append(signal);
    } catch (problem) {
      if (!signal.aborted) notify.failed("Older entries cannot be read", problem);
    }
    older.disabled = false;
    if (!signal.aborted) loadAtEnd();
  }

  /** Who scrolls to the end need not press the button. */
  function loadAtEnd() {
    const left = box.scrollHeight - box.scrollTop - box.clientHeight;
    if (left < NEAR && !older.hidden && !older.disabled) loadOlder();
  }

  /** Looks for a line, also among older ones. */
  async function reach(find, signal) {
    for (let count = 0; count < MOST_PAGES; count++) {
      const found = find();
      if (found || older.hidden) return found;
      await append(signal);
    }
    return find();
  }

  async function showEntry(id, signal) {
    if (!id) return;
    const found = await reach(() => list.querySelector(`[data-id="${CSS.escape(id)}"]`), signal);
    if (found) mark(found);
  }

  function mark(element) {
    list.querySelector(".here")?.classList.remove("here");
    element.classList.add("here");
    element.tabIndex = -1;
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "center" });
  }

  /** Goes to the error that is below the one shown last. */
  async function nextError() {
    const { signal } = abort;
    const errors = () => [...list.querySelectorAll(".entry:is([data-level=ERROR], [data-level=CRITICAL])")];
    const here = list.querySelector(".here");
    const isBelow = (element) => !here || here.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING;
    try {
      const found = await reach(() => errors().find(isBelow), signal);
      if (found) mark(found);
      else notify.done("No error below");
    } catch (problem) {
      if (!signal.aborted) notify.failed("Older entries cannot be read", problem);
    }
  }

  /** All that matches, as a file: of several levels one after the other, the worst first. */
  async function download(format) {
    for (const button of save) button.disabled = true;
    try {
      const parts = [];
      for (const query of queries(filter).toReversed()) {
        query.set("format", format);
        const response = await api.send("GET", `/api/runtime/logs?${query}`, undefined, { signal: abort.signal });
        parts.push(await response.blob());
      }
      const [first, ...rest] = parts;
      const others = format === "csv" ? await Promise.all(rest.map(withoutHeader)) : rest;
      const href = URL.createObjectURL(new Blob([first, ...others], { type: first.type }));
      h("a", { href, download: `logs.${format}` }).click();
      URL.revokeObjectURL(href);
      notify.done(`Exported as logs.${format}`);
    } catch (problem) {
      notify.failed("Not exported", problem);
    }
    for (const button of save) button.disabled = false;
  }

  /** The feed does not tell that entries were deleted. */
  function look() {
    if (document.hidden || newest === 0) return;
    enqueue(async (signal) => {
      const [row] = await new LogPages(filter, 1).next(signal);
      if ((row?.id ?? 0) < newest) restart();
    });
  }

  function keydown(event) {
    if (event.key !== "e" || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea, dialog"))
      return;
    event.preventDefault();
    nextError();
  }

  document.addEventListener("keydown", keydown);
  const unlisten = [
    store.listen(() => {
      for (const link of list.querySelectorAll(".who.unknown")) introduce(link);
    }),
    logFeed.listen({ entries, behind }),
    health.listen(look),
  ];
  restart();
  return {
    route(changed) {
      params = changed;
      restart();
    },
    unmount() {
      abort.abort();
      filters.unmount();
      histogram.unmount();
      retention.unmount();
      document.removeEventListener("keydown", keydown);
      for (const stop of unlisten) stop();
    },
  };
}

/** CSV less its first line, which has the names of the members. */
async function withoutHeader(csv) {
  const start = await csv.slice(0, 1000).text();
  return csv.slice(start.indexOf("\n") + 1);
}
