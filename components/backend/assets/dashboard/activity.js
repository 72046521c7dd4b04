// What each agent does now: the last tool call that it has logged.

import * as api from "./api.js";
import * as logFeed from "./log-feed.js";

const FIRST = 200;
const MOST = 5000;

/** By agent: what, and since when. */
const calls = new Map();

export const of = (id) => calls.get(id);

/** Follows the log; `changed(ids)` is called with the agents that do something else. Gives its end. */
export function follow(changed) {
  const end = logFeed.listen({ entries: (rows) => changed(take(rows)), behind: read });
  async function read() {
    try {
      const rows = await api.get(`/api/runtime/logs?log_type=tool_call&limit=${FIRST}`);
      changed(take(rows.toReversed()));
    } catch (error) {
      console.debug("activity", error);
    }
  }
  read();
  return end;
}

function take(rows) {
  const ids = new Set();
  for (const row of rows) {
    if (row.log_type !== "tool_call" || calls.get(row.agent_id)?.id > row.id) continue;
    calls.delete(row.agent_id);
    calls.set(row.agent_id, { id: row.id, text: row.message, since: Date.parse(row.created_at) });
    ids.add(row.agent_id);
  }
  for (const id of calls.keys()) {
    if (calls.size <= MOST) break;
    calls.delete(id);
  }
  return ids;
}
