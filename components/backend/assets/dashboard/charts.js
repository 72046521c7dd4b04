// What the agents used over time, and how they stand. Each chart has its numbers in a table beside it.

import * as api from "./api.js";
import { h, throttled } from "./dom.js";
import { capital, count, money } from "./format.js";
import { bars, columns } from "./plot.js";
import { change } from "./route.js";
import { STATUSES } from "./status.js";
import * as store from "./store.js";

const MINUTE = 60_000;
/** What can be chosen: how far back, in which steps. */
const RANGES = new Map([
  ["hour", { label: "Last hour", interval: "minute", step: MINUTE, steps: 60 }],
  ["day", { label: "Last 24 hours", interval: "hour", step: 60 * MINUTE, steps: 24 }],
  ["month", { label: "Last 30 days", interval: "day", step: 24 * 60 * MINUTE, steps: 30 }],
]);
const REFRESH = 5000;

export function mount(root, first) {
  let params = first;
  let abort = new AbortController();
  const note = h("p", { class: "note", role: "status", text: "Loading" });
  const totals = h("dl", { class: "totals" });
  const grid = h("div", { class: "grid" });
  const options = [...RANGES].map(([value, { label }]) => h("option", { value, text: label }));
  const range = h("select", { "aria-label": "Range", on: { change: () => change({ range: range.value }) } }, options);
  const clear = h("button", { class: "chip", type: "button", on: { click: () => change({ session: "" }) } });
  root.append(h("h1", { text: "Charts" }), h("div", { class: "filter" }, range, clear), note, totals, grid);

  async function load() {
    const { interval, step, steps } = chosen();
    // The first step is a whole one.
    const start = Math.floor(store.now() / step - steps + 1) * step;
    const query = new URLSearchParams({ interval, since: new Date(start).toISOString() });
    if (params.get("session")) query.set("session_id", params.get("session"));
    try {
      const stats = await api.get(`/api/runtime/stats?${query}`, { signal: abort.signal });
      note.textContent = "";
      draw(stats, whole(stats.series, start, step, steps), interval);
    } catch (error) {
      if (error.name !== "AbortError") note.textContent = `The numbers cannot be read: ${error.message}`;
    }
  }

  function chosen() {
    return RANGES.get(params.get("range")) ?? RANGES.get("hour");
  }

  function draw(stats, series, interval) {
    const pairs = [
      ["Cost", money(stats.cost_usd)],
      ["Tokens in", count(stats.tokens_input)],
      ["Tokens out", count(stats.tokens_output)],
      ["Prompts", count(stats.prompts.total)],
      ["Agents", count(stats.agents.total)],
      ["Errors logged", count(stats.logs.by_level.ERROR + stats.logs.by_level.CRITICAL)],
    ];
    totals.replaceChildren(
      ...pairs.map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", { text: value }))),
    );
    const opened = new Set([...grid.querySelectorAll("details[open]")].map((details) => details.dataset.name));
    const focused = document.activeElement.closest?.("details")?.dataset.name;
    const models = stats.prompts.by_model.toSorted((a, b) => b.cost_usd - a.cost_usd);
    grid.replaceChildren(
      columns({
        title: "Cost",
        unit: `US dollars per ${interval}`,
        series,
        interval,
        parts: [{ name: "Cost", of: (row) => row.cost_usd, kind: "cost" }],
        format: money,
      }),
      columns({
        title: "Tokens",
        unit: `per ${interval}`,
        series,
        interval,
        format: count,
        parts: [
          { name: "In", of: (row) => row.tokens_input, kind: "in" },
          { name: "Out", of: (row) => row.tokens_output, kind: "out" },
        ],
      }),
      bars({
        title: "Agents by status",
        unit: "of those started in this time",
        rows: STATUSES.map((status) => ({ name: capital(status), value: stats.agents.by_status[status] ?? 0, status })),
        format: count,
      }),
      bars({
        title: "Cost by model",
        rows: models.map((row) => ({ name: row.model ?? "not named", value: row.cost_usd })),
        format: money,
      }),
    );
    for (const details of grid.querySelectorAll("details")) {
      details.open = opened.has(details.dataset.name);
      if (details.dataset.name === focused) details.firstElementChild.focus();
    }
  }

  function show() {
    range.value = RANGES.has(params.get("range")) ? params.get("range") : "hour";
    clear.hidden = !params.get("session");
    clear.textContent = `session ${params.get("session")} ×`;
    abort.abort();
    abort = new AbortController();
    load();
  }

  const refresh = throttled(load, REFRESH);
  const unlisten = store.listen(refresh);
  show();
  return {
    route(next) {
      params = next;
      show();
    },
    unmount() {
      unlisten();
      refresh.stop();
      abort.abort();
    },
  };
}

/** The series with the steps in which nothing happened. */
function whole(series, start, step, steps) {
  const known = new Map(series.map((row) => [Date.parse(row.at), row]));
  return Array.from({ length: steps }, (_, index) => {
    const at = start + index * step;
    return (
      known.get(at) ?? { at: new Date(at).toISOString(), prompts: 0, tokens_input: 0, tokens_output: 0, cost_usd: 0 }
    );
  });
}
