// The statuses of an agent, in the order of its life, and how they look.

import { h, icon } from "./dom.js";
import { capital } from "./format.js";

export const STATUSES = ["initializing", "planning", "executing", "reviewing", "completed", "failed", "cancelled"];

export const RUNNING = STATUSES.slice(0, 4);

const FINISHED = new Set(["completed", "failed", "cancelled"]);

export function isFinished(status) {
  return FINISHED.has(status);
}

/** A status in words, colour and shape. */
export function pill(status) {
  return h("span", { class: "pill", data: { status } }, icon(status), capital(status));
}

/** How long ago an agent ended, in milliseconds; null where it has not. */
export function endedAgo(agent, now) {
  return agent.completed_at ? now - Date.parse(agent.completed_at) : null;
}

/** How long an agent has been at work, or was; in milliseconds. */
export function duration(agent, now) {
  const end = agent.completed_at ? Date.parse(agent.completed_at) : now;
  return end - Date.parse(agent.started_at);
}
