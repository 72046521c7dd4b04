// The log as the API has it, for a filter: its entries, the newest first, page by page; and whether an entry that the feed
// tells of belongs to it.
//
// The API lists entries of one level. "This level and worse" is several lists, of which the newest entry comes next.

import * as api from "./api.js";
import * as store from "./store.js";

export const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
const LASTS = { "15m": 15 * 60_000, "1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000 };
/** Parameters of the address, and of the API. */
const NAMES = {
  log_type: "log_type",
  q: "q",
  agent: "agent_id",
  session: "session_id",
  since: "since",
  until: "until",
};

/** Reads the address. `levels` is empty where all are wanted. */
export function readFilter(params) {
  const least = LEVELS.indexOf(params.get("level"));
  const filter = { levels: least > 0 ? LEVELS.slice(least) : [] };
  for (const name of Object.keys(NAMES)) filter[name] = params.get(name) ?? "";
  const last = LASTS[params.get("last")];
  if (last) filter.since = new Date(store.now() - last).toISOString();
  return filter;
}

/** The queries of the lists that a filter stands for: one, or one of each level. */
export function queries(filter) {
  return (filter.levels.length > 0 ? filter.levels : [""]).map((level) => {
    const query = new URLSearchParams();
    for (const [name, parameter] of Object.entries(NAMES)) if (filter[name]) query.set(parameter, filter[name]);
    if (level) query.set("level", level);
    return query;
  });
}

/** The pages of a filter. */
export class LogPages {
  #sources;
  #limit;

  constructor(filter, limit = 100, path = "/api/runtime/logs") {
    this.#limit = limit;
    this.#sources = queries(filter).map((query) => {
      query.set("limit", String(limit));
      return { path: `${path}?${query}`, rows: [] };
    });
  }

  /** Whether there are no more. */
  get isDone() {
    return this.#sources.every(({ path, rows }) => !path && rows.length === 0);
  }

  /** The next entries. */
  async next(signal) {
    const found = [];
    while (found.length < this.#limit) {
      const empty = this.#sources.filter(({ path, rows }) => path && rows.length === 0);
      await Promise.all(empty.map((source) => fill(source, signal)));
      const [newest] = this.#sources.filter(({ rows }) => rows.length > 0).sort((a, b) => b.rows[0].id - a.rows[0].id);
      if (!newest) break;
      found.push(newest.rows.shift());
    }
    return found;
  }
}

async function fill(source, signal) {
  const { rows, next } = await api.page(source.path, { signal });
  source.rows = rows;
  source.path = next;
}

/** Of entries that the feed told of, those that the filter lets through. */
export async function filtered(rows, filter) {
  const text = filter.q.toLowerCase();
  const fits = await Promise.all(
    rows.map(
      async (row) =>
        (filter.levels.length === 0 || filter.levels.includes(row.log_level)) &&
        (!filter.log_type || row.log_type === filter.log_type) &&
        (!filter.agent || row.agent_id === filter.agent) &&
        row.message.toLowerCase().includes(text) &&
        (!filter.session || (await store.find(row.agent_id))?.session_id === filter.session),
    ),
  );
  return rows.filter((_, index) => fits[index]);
}
