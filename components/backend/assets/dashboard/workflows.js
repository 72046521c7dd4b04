// The workflows that the feed told of, by id. An agent belongs to the one whose id is its session.

import * as api from "./api.js";

const MOST_TOLD = 1000;

const known = new Map();
const listeners = new Set();

export const get = (id) => known.get(id);
export const all = () => [...known.values()];

/** Calls `listener(id)` for each change; for any of them without an id. Gives its end. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Takes the data of a `workflow_update` frame.
 *
 * @param {{workflows: any[], removed?: string[], snapshot?: boolean}} data
 */
export function apply({ workflows, removed, snapshot }) {
  if (snapshot) known.clear();
  for (const workflow of workflows) known.set(workflow.id, workflow);
  for (const id of removed ?? []) known.delete(id);
  for (const listener of listeners) listener();
}

/** Asks the server for one that the feed has not told of, where there are more than it tells of at first. */
export async function find(id) {
  if (known.has(id) || known.size < MOST_TOLD) return;
  try {
    apply({ workflows: [await api.get(`/api/runtime/workflows/${encodeURIComponent(id)}`)] });
  } catch (error) {
    // Most sessions have none.
    console.debug("workflow", error);
  }
}
