// How the statuses of agents went, read for those that somebody sees.

import * as api from "./api.js";

/** How many are read at once. */
const MOST = 4;

export class Histories {
  #known = new Map();
  #wanted = [];
  #reading = 0;
  #changed;
  #open = true;

  /** `changed()` is called once there is more to show. */
  constructor(changed) {
    this.#changed = changed;
  }

  /** The steps of an agent; undefined where they are not known yet. */
  of(agent) {
    const steps = this.#known.get(agent.id);
    return steps?.length > 0 ? steps : undefined;
  }

  /** Reads those of these agents, those that were wanted before no more. */
  want(ids) {
    this.#wanted = ids.filter((id) => !this.#known.has(id));
    this.#read();
  }

  /** An agent is told of by the feed: its status may be another. */
  changed(agent) {
    const steps = agent && this.#known.get(agent.id);
    if (steps?.length > 0 && steps.at(-1).status !== agent.status)
      this.#known.set(agent.id, [...steps, { status: agent.status, at: agent.updated_at }]);
  }

  close() {
    this.#open = false;
  }

  #read() {
    while (this.#open && this.#reading < MOST && this.#wanted.length > 0) {
      const id = this.#wanted.shift();
      this.#known.set(id, []);
      this.#reading++;
      this.#one(id);
    }
  }

  async #one(id) {
    try {
      this.#known.set(id, await api.get(`/api/runtime/agents/${encodeURIComponent(id)}/history`));
    } catch (error) {
      // It is deleted, or is read when it is seen again.
      console.debug("history", error);
    }
    this.#reading--;
    if (!this.#open) return;
    this.#changed();
    this.#read();
  }
}
