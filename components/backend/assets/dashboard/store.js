// All agents that the feed told of, and who wants to know of changes.
//
// The first change after a pause is told with the next frame of the screen; what follows quickly is collected, so
// that a thousand busy agents cost no more than a few.

import { isFinished } from "./status.js";

const LEAST_PAUSE = 100;
/** The feed and the API list so many agents, the newest. */
const MOST_LISTED = 1000;

const agents = new Map();
const listeners = new Set();
let changed = new Set();
let whole = false;
let scheduled = false;
let last = 0;
let entries = 0;
/** The server's clock minus ours, so that ages are right where one of the two is wrong. */
let offset = 0;
let loaded = false;
let partial = false;
const cancelling = new Set();

export const get = (id) => agents.get(id);
export const all = () => agents.values();
export const ids = () => agents.keys();
export const size = () => agents.size;
/** Whether there was a first list: before it, an empty board says nothing. */
export const isLoaded = () => loaded;
export const now = () => Date.now() + offset;
/** Whether there may be older agents than the feed lists. */
export const isPartial = () => partial;
export const isCancelling = (id) => cancelling.has(id);

/** Calls `listener(changedIds, whole)` after changes; `whole` where everything may be another. Gives its end. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Takes the data of an `agent_update` frame. */
export function apply({ agents: rows, removed, snapshot, timestamp }) {
  if (timestamp) offset = Date.parse(timestamp) - Date.now();
  if (snapshot || removed === undefined) {
    const listed = new Set(rows.map((row) => row.id));
    for (const id of agents.keys()) if (!listed.has(id)) forget(id);
    whole = true;
    loaded = true;
    partial = rows.length >= MOST_LISTED;
  }
  // The oldest change first, so that the newest is on top of its column.
  const ordered = whole ? rows.toSorted((a, b) => entered(a).localeCompare(entered(b))) : rows;
  for (const row of ordered) put(row);
  for (const id of removed ?? []) forget(id);
  schedule();
}

/** Notes that an agent was asked to stop, which the feed does not tell. */
export function setCancelling(id) {
  cancelling.add(id);
  changed.add(id);
  schedule();
}

function put(row) {
  const known = agents.get(row.id);
  // A card keeps its place until its status changes.
  row.place = known?.status === row.status ? known.place : ++entries;
  row.search = `${row.name ?? ""} ${row.session_id} ${row.id} ${row.error_message ?? ""}`.toLowerCase();
  if (isFinished(row.status)) cancelling.delete(row.id);
  agents.set(row.id, row);
  changed.add(row.id);
}

function forget(id) {
  if (agents.delete(id)) changed.add(id);
  cancelling.delete(id);
}

function entered(row) {
  return row.completed_at ?? row.updated_at ?? row.started_at;
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  const frame = () => requestAnimationFrame(tell);
  const pause = last + LEAST_PAUSE - performance.now();
  if (pause > 0) setTimeout(frame, pause);
  else frame();
}

function tell() {
  scheduled = false;
  last = performance.now();
  const [told, all] = [changed, whole];
  changed = new Set();
  whole = false;
  for (const listener of listeners) listener(told, all);
}
