// Failures: which there were since somebody last looked, and which are of one kind.

import * as api from "./api.js";
import * as store from "./store.js";
import { endOf as failedAt } from "./time-range.js";

const KEY = "failures-seen";
const LONGEST_KIND = 120;
/** How many are read: the page does not hold many more agents. */
const MOST_READ = 4000;
const listeners = new Set();

/** When somebody last looked. Who never did begins with the first list. */
let seen = Date.parse(localStorage.getItem(KEY) ?? "") || 0;
store.listen(() => {
  if (seen === 0 && store.isLoaded()) look();
});

/** Calls `listener()` when failures were looked at. Gives its end. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export { failedAt };

export const lastLooked = () => seen;

/** All of now are looked at. */
export function look() {
  seen = store.now();
  localStorage.setItem(KEY, new Date(seen).toISOString());
  for (const listener of listeners) listener();
}

/** Agents that failed at `since` or later, the last one first. */
export function since(at) {
  const wanted = [...store.all()].filter((agent) => agent.status === "failed" && failedAt(agent) >= at);
  return wanted.sort((a, b) => failedAt(b) - failedAt(a));
}

/** How many failures nobody has looked at. */
export function unseen() {
  if (seen === 0) return 0;
  let many = 0;
  for (const agent of store.all()) if (agent.status === "failed" && failedAt(agent) > seen) many++;
  return many;
}

/** Reads those that failed at `at` or later into the store, which may not have them. Gives whether there are more. */
export async function read(at, signal) {
  const query = new URLSearchParams({ status: "failed", since: new Date(at).toISOString(), limit: "1000" });
  const { rows, next } = await api.some(`/api/runtime/agents?${query}`, MOST_READ, { signal });
  store.take(rows);
  return next !== null;
}

/** Agents by the kind of their failure, the most frequent first: what differs in numbers and ids alone is one kind. */
export function grouped(agents) {
  const groups = Map.groupBy(agents, kindOf);
  return [...groups].map(([kind, members]) => ({ kind, members })).sort((a, b) => b.members.length - a.members.length);
}

function kindOf(agent) {
  const [line] = (agent.error_message ?? "").trim().split("\n");
  const kind = line
    .replace(/\b[0-9a-f]{8,}(-[0-9a-f]{4,}){0,4}\b/gi, "…")
    // A number that begins a line is the kind itself, as 429 is.
    .replace(/(?<=\S\s.*)\d+([.,:]\d+)*/g, "…");
  return kind.slice(0, LONGEST_KIND) || "It does not say why";
}
