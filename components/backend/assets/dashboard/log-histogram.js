// How many entries there were when, by level: a column for each stretch of time. A click shows what is of one, and who drags
// over several sees those. What is shown stands in the address.

import * as api from "./api.js";
import { h, svg } from "./dom.js";
import { exact, time } from "./format.js";
import { LEVELS } from "./log-pages.js";
import { change, to } from "./route.js";
import * as store from "./store.js";

const BUCKETS = 60;
/** What is shown where no time is chosen. */
const SPAN = 24 * 3_600_000;

/** The element, and `show`, which asks anew. */
export function logHistogram() {
  const columns = h("div", { class: "columns", role: "group", "aria-label": "Log entries over time" });
  const said = h("p", { class: "said" });
  const element = h("div", { class: "histogram", hidden: true }, columns, said);
  let abort = new AbortController();
  /** The column on which a drag began. */
  let first = null;

  async function show(params, filter) {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    const since = filter.since || new Date(store.now() - SPAN).toISOString();
    const query = new URLSearchParams({ since, buckets: String(BUCKETS) });
    if (filter.until) query.set("until", filter.until);
    if (filter.agent) query.set("agent_id", filter.agent);
    if (filter.session) query.set("session_id", filter.session);
    if (filter.log_type) query.set("log_type", filter.log_type);
    if (filter.q) query.set("q", filter.q);
    try {
      const found = await api.get(`/api/runtime/logs/histogram?${query}`, { signal });
      if (!signal.aborted) draw(params, filter, found);
    } catch {
      // The list says so.
      if (!signal.aborted) element.hidden = true;
    }
  }

  function draw(params, filter, { buckets, bucket_seconds: seconds, counted_since: countedSince }) {
    const levels = filter.levels.length > 0 ? filter.levels : LEVELS;
    const sum = ({ logs }) => levels.reduce((all, level) => all + logs.by_level[level], 0);
    const most = Math.max(1, ...buckets.map(sum));
    columns.replaceChildren(
      ...buckets.map((bucket) => {
        const since = bucket.at;
        const until = new Date(Date.parse(since) + seconds * 1000).toISOString();
        const counts = levels.filter((level) => bucket.logs.by_level[level] > 0);
        const number = sum(bucket);
        const text = `${time(since)}: ${exact(number)} ${number === 1 ? "entry" : "entries"}`;
        const worst = counts.map((level) => `${exact(bucket.logs.by_level[level])} ${level}`).join(", ");
        return h(
          "a",
          {
            href: to("logs", "", { ...Object.fromEntries(params), last: "", entry: "", since, until }),
            title: worst ? `${text} (${worst})` : text,
            "aria-label": worst ? `${text} (${worst})` : text,
            draggable: "false",
            data: { since, until },
          },
          bars(bucket, counts, most),
        );
      }),
    );
    const all = buckets.reduce((total, bucket) => total + sum(bucket), 0);
    const last = buckets.at(-1);
    const cut = countedSince
      ? `; there are too many to look through all, so those before ${time(countedSince)} may be missing`
      : "";
    said.textContent = last ? `${exact(all)} from ${time(buckets[0].at)}; at most ${exact(most)} a column${cut}` : "";
    element.hidden = all === 0 && !cut;
  }

  const columnOf = (event) => /** @type {HTMLElement | null} */ (event.target.closest(".columns > a"));
  columns.addEventListener("pointerdown", (event) => {
    first = columnOf(event);
  });
  columns.addEventListener("pointerover", (event) => {
    const last = columnOf(event);
    if (!first || !last) return;
    const [from, to] = inOrder(first, last);
    for (const column of columns.children) {
      column.classList.toggle("chosen", column.dataset.since >= from.since && column.dataset.until <= to.until);
    }
  });
  /** One column is a link, and followed as one. */
  function drop(event) {
    const last = columnOf(event);
    if (first && last && first !== last) {
      const [from, to] = inOrder(first, last);
      change({ last: "", entry: "", since: from.since, until: to.until });
    }
    first = null;
    for (const column of columns.children) column.classList.remove("chosen");
  }
  columns.addEventListener("pointerup", drop);
  columns.addEventListener("pointerleave", drop);

  return { element, show, unmount: () => abort.abort() };
}

/** A bar for each level, the worst at the foot. */
function bars({ logs }, levels, most) {
  let top = 100;
  const drawn = levels.toReversed().map((level) => {
    const height = (100 * logs.by_level[level]) / most;
    top -= height;
    return svg("rect", { x: 0, y: top, width: 1, height, "data-level": level });
  });
  return svg("svg", { viewBox: "0 0 1 100", preserveAspectRatio: "none", "aria-hidden": "true" }, drawn);
}

function inOrder(one, other) {
  const both = [one.dataset, other.dataset];
  return one.dataset.since <= other.dataset.since ? both : both.reverse();
}
