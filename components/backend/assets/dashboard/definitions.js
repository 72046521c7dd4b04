// What agents are made from, by id: what the feed tells of, and what else somebody asks for.

import * as api from "./api.js";
import { throttled } from "./dom.js";

const SOON = 50;

/** The definitions; null for one that there is not. */
const known = new Map();
const wanted = new Set();
const listeners = new Set();
/** Whether there was a snapshot: before it, nobody knows what has to be asked for. */
let loaded = false;

export const all = () => [...known.values()].filter(Boolean);

/** Calls `listener()` when definitions have changed. Gives its end. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Takes the data of a `definition_update` frame.
 *
 * @param {{definitions: {id: string, name: string}[], removed?: string[], snapshot?: boolean}} data
 */
export function apply({ definitions, removed, snapshot }) {
  if (snapshot) {
    known.clear();
    loaded = true;
    if (wanted.size > 0) lookUp();
  }
  for (const definition of definitions) known.set(definition.id, definition);
  for (const id of removed ?? []) known.delete(id);
  tell();
}

/** The name of a definition, or null. One that is not known is asked for, once. */
export function nameOf(id) {
  if (!known.has(id) && id) {
    wanted.add(id);
    lookUp();
  }
  return known.get(id)?.name ?? null;
}

const lookUp = throttled(async () => {
  if (!loaded) return;
  const ids = [...wanted].filter((id) => !known.has(id));
  wanted.clear();
  for (const id of ids) known.set(id, null);
  await Promise.all(
    ids.map(async (id) => {
      try {
        known.set(id, await api.get(`/api/agents/${encodeURIComponent(id)}`));
      } catch (error) {
        // It is deleted, or the next snapshot asks again.
        console.debug("definition", error);
      }
    }),
  );
  if (ids.length > 0) tell();
}, SOON);

/** Reads the newest ones, for a host without a feed, once. */
export async function poll() {
  if (!loaded) apply({ definitions: await api.get("/api/agents?limit=1000"), snapshot: true });
}

function tell() {
  for (const listener of listeners) listener();
}
