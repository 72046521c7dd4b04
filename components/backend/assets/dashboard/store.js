// The agents that the page knows: those that the feed told of, all that are running, and what somebody asked for.
//
// The first change after a pause is told with the next frame of the screen; what follows quickly is collected, so
// that a thousand busy agents cost no more than a few. How many agents there are, only the server knows (stats.js).

import * as api from "./api.js";
import * as definitions from "./definitions.js";
import { RUNNING, isFinished } from "./status.js";

const LEAST_PAUSE = 100;
/** Where more than so many agents change in that time, nobody follows each: they are told together, more seldom. */
const MANY = 8;
const BUSY_PAUSE = 250;
/** The feed and the API list so many agents at once, the newest. */
const MOST_LISTED = 1000;
/** Of so many agents, the finished that nobody has touched for longest are forgotten, down to `KEPT`. */
const MOST_HELD = 6000;
const KEPT = 5000;

/**
 * An agent as REST and the feed tell it, `name` being that of its definition; `place` is where it stands in its column.
 *
 * @typedef {{id: string, orchestrator_agent_id: string, session_id: string, parent_agent_id: string | null,
 *   status: string, context: unknown, config: unknown, metadata: unknown, started_at: string,
 *   completed_at: string | null, updated_at: string, cost_usd: number, tokens_input: number, tokens_output: number,
 *   error_message: string | null, heartbeat_at: string | null, lease_seconds: number | null,
 *   cancel_requested: boolean, version: number, name?: string | null, place?: number}} Agent
 */

/** @type {Map<string, Agent>} */
const agents = new Map();
const listeners = new Set();
let changed = new Set();
let whole = false;
let scheduled = false;
let last = 0;
let busy = false;
/** The server's clock minus ours, so that ages are right where one of the two is wrong. */
let offset = 0;
let loaded = false;
let partial = false;
/** What was removed lately: an answer of the API that is older than that must not bring it back. */
const removedLately = new Set();
/** Agents that somebody here deletes, by id, as they were told of last; null for one that is gone. */
const hidden = new Map();
/** Agents that the server was asked for, by id. */
const asked = new Map();

export const get = (id) => agents.get(id);
export const all = () => agents.values();
export const ids = () => agents.keys();
export const size = () => agents.size;
/** Whether there was a first list: before it, an empty board says nothing. */
export const isLoaded = () => loaded;
export const now = () => Date.now() + offset;
/** Milliseconds by which the server's clock is ahead of ours. */
export const clockOffset = () => offset;
/** Whether there may be finished agents that are not here. */
export const isPartial = () => partial;

/** Whether an agent was asked to stop and has not ended. */
export const isCancelling = (agent) => agent.cancel_requested === true && !isFinished(agent.status);

/** Whether the feed has told that an agent is gone, or somebody here wants it to be. */
export const isRemoved = (id) => removedLately.has(id) || hidden.has(id);

/** Whether an agent is not shown, as somebody here deletes it. */
export const isHidden = (id) => hidden.has(id);

/** Shows these agents no more, whatever is told of them. */
export function hide(rows) {
  for (const row of rows) {
    agents.delete(row.id);
    hidden.set(row.id, row);
    changed.add(row.id);
  }
  schedule();
}

/** Shows them again: as the server has them, or as they were where it cannot be asked. */
export async function reveal(ids) {
  const show = async (id) => {
    const row = hidden.get(id);
    hidden.delete(id);
    asked.delete(id);
    try {
      await find(id);
    } catch (error) {
      console.debug("agent", error);
      if (row) take([row]);
    }
  };
  await Promise.all(ids.map(show));
}

/** Calls `listener(changedIds, whole)` after changes; `whole` where everything may be another. Gives its end. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Takes the data of an `agent_update` frame.
 *
 * @param {{agents: Agent[], removed?: string[], snapshot?: boolean, timestamp?: string}} data
 */
export function apply({ agents: rows, removed, snapshot, timestamp }) {
  if (timestamp) offset = Date.parse(timestamp) - Date.now();
  if (snapshot) {
    const listed = new Set(rows.map((row) => row.id));
    // What was asked for before the first one is as new as it is.
    if (loaded) for (const id of agents.keys()) if (!listed.has(id)) forget(id);
    whole = true;
    loaded = true;
    partial = rows.length >= MOST_LISTED;
    removedLately.clear();
  }
  for (const row of rows) put(row);
  for (const id of removed ?? []) {
    forget(id);
    removedLately.add(id);
  }
  if (agents.size > MOST_HELD) forgetOldest();
  schedule();
  if (snapshot && partial)
    hold("/api/runtime/agents?" + new URLSearchParams({ status: RUNNING.join(), limit: "1000" }));
}

/** Waits until the listeners know of all changes. */
export async function told() {
  while (scheduled) await new Promise((frame) => (document.hidden ? setTimeout(frame) : requestAnimationFrame(frame)));
}

/** Reads what the host without a feed has. */
export async function poll() {
  apply({ agents: await api.get("/api/runtime/agents?limit=1000"), snapshot: true });
}

/** Reads a list of agents into the store, all its pages. */
async function hold(path) {
  try {
    for (let next = path; next;) {
      const { rows, next: following } = await api.page(next);
      take(rows);
      next = following;
    }
  } catch (error) {
    console.debug("running agents", error);
  }
}

/** Takes agents as the API tells them, where they are newer than what is known. Gives how many were new. */
export function take(rows) {
  let added = 0;
  for (const row of rows) {
    const known = agents.get(row.id);
    if (removedLately.has(row.id) || known?.version >= row.version) continue;
    if (!known) added++;
    put(row);
  }
  schedule();
  return added;
}

/** The agent of that id, from the server where it is not here, which is asked once; null where there is none. */
export function find(id) {
  if (agents.has(id)) return agents.get(id);
  if (!asked.has(id)) asked.set(id, ask(id));
  return asked.get(id);
}

async function ask(id) {
  try {
    take([await api.get(`/api/runtime/agents/${encodeURIComponent(id)}`)]);
    return agents.get(id) ?? null;
  } catch (error) {
    if (error.status === 404) return null;
    asked.delete(id);
    throw error;
  }
}

function put(row) {
  if (hidden.has(row.id)) {
    hidden.set(row.id, { ...row, name: row.name ?? definitions.nameOf(row.orchestrator_agent_id) });
    return;
  }
  const known = agents.get(row.id);
  row.name ??= definitions.nameOf(row.orchestrator_agent_id);
  // A card keeps its place until its status changes.
  row.place = known?.status === row.status ? known.place : entered(row);
  agents.set(row.id, row);
  asked.delete(row.id);
  changed.add(row.id);
}

function forget(id) {
  if (agents.delete(id)) changed.add(id);
  if (hidden.has(id)) hidden.set(id, null);
}

function forgetOldest() {
  const finished = [...agents.values()].filter((agent) => isFinished(agent.status)).sort((a, b) => a.place - b.place);
  for (const agent of finished.slice(0, agents.size - KEPT)) forget(agent.id);
  partial = true;
}

/** When an agent came to its status, as far as it is known. */
function entered(row) {
  return Date.parse(row.completed_at ?? row.updated_at ?? row.started_at) || 0;
}

definitions.listen(() => {
  for (const agent of agents.values()) {
    const name = definitions.nameOf(agent.orchestrator_agent_id);
    if (name === null || name === agent.name) continue;
    agents.set(agent.id, { ...agent, name });
    changed.add(agent.id);
  }
  if (changed.size > 0) schedule();
});

function schedule() {
  if (scheduled) return;
  scheduled = true;
  // A page that is not in view has no frames.
  const frame = () => (document.hidden ? tell() : requestAnimationFrame(tell));
  const pause = last + (busy ? BUSY_PAUSE : LEAST_PAUSE) - performance.now();
  if (pause > 0) setTimeout(frame, pause);
  else frame();
}

document.addEventListener("visibilitychange", () => document.hidden && tell());

function tell() {
  if (!scheduled) return;
  scheduled = false;
  last = performance.now();
  const [told, all] = [changed, whole];
  changed = new Set();
  whole = false;
  busy = told.size > MANY;
  for (const listener of listeners) listener(told, all);
}
