// The times back from now that failures and agents may be of, as the address names them.

import * as store from "./store.js";

const HOUR = 3_600_000;
const BACK = { hour: HOUR, day: 24 * HOUR, week: 7 * 24 * HOUR };

export const RANGES = { hour: "Last hour", day: "Last 24 hours", week: "Last 7 days" };

/** The name of the range that the parameters have, or "". */
export function rangeOf(params) {
  const name = params.get("since");
  return name && Object.hasOwn(BACK, name) ? name : "";
}

/** When the range of that name begins, by the server's clock, in milliseconds. */
export const startOf = (range) => store.now() - BACK[range];

/** When an agent ended, or where it has not, last changed: the time that the API's `since` is about. */
export const endOf = (agent) => Date.parse(agent.completed_at ?? agent.updated_at) || 0;
