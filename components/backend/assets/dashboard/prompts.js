// The prompts of a session as they come. The session's statistics count them, so that only what is new is read, and each prompt
// once. The feed tells of the agent of one that has tokens or cost; the others change nothing of theirs, and are asked for.

import * as api from "./api.js";
import { throttled } from "./dom.js";

const FIRST = 50;
const MOST_AT_ONCE = 200;
const LEAST_PAUSE = 1000;
const MOST_PAUSE = 5000;
const UNFINISHED = new Set(["pending", "streaming"]);

/** Follows the prompts of a session, whose statistics `showStats` gets too; `changed(rows)` is called with new ones and
 * with those that went on. Who follows says by `look` that an agent of the session has changed. */
export function follow(session, changed, showStats) {
  const known = new Map();
  const query = new URLSearchParams({ session_id: session });
  let counted = null;
  let open = true;
  let timer = 0;
  let looking = false;

  async function look() {
    clearTimeout(timer);
    // Who looks again gets them then.
    if (!open || document.hidden) return;
    if (looking) return soon();
    looking = true;
    try {
      await update();
    } catch (error) {
      console.debug("prompts", error);
      soon();
    }
    looking = false;
    if (open) timer = setTimeout(look, MOST_PAUSE);
  }

  async function update() {
    const stats = await api.get(`/api/runtime/stats?${query}`);
    if (!open) return;
    showStats(stats);
    const { total, by_status: statuses } = stats.prompts;
    const now = JSON.stringify([total, statuses, stats.tokens_output, stats.cost_usd]);
    if (now === counted?.text) return;
    const more = counted === null ? FIRST : total - counted.total;
    const rows = more > 0 ? await newest(Math.min(more, MOST_AT_ONCE)) : [];
    const pending = [...known.values()].filter((prompt) => UNFINISHED.has(prompt.status));
    const again = pending.map(({ id }) => api.get(`/api/runtime/prompts/${encodeURIComponent(id)}`));
    const answers = await Promise.allSettled(again);
    for (const answer of answers) if (answer.status === "fulfilled") rows.push(answer.value);
    counted = { total, text: now };
    take(rows);
  }

  /** So many prompts, the newest; more where some of these are known, as others may have been written with older times. */
  async function newest(limit) {
    const rows = await api.get(`/api/runtime/prompts?${query}&order=desc&limit=${limit}`);
    const old = rows.filter((row) => known.has(row.id)).length;
    return old > 0 && limit < MOST_AT_ONCE ? newest(Math.min(2 * limit + old, MOST_AT_ONCE)) : rows;
  }

  function take(rows) {
    if (!open) return;
    const fresh = rows.filter((row) => JSON.stringify(known.get(row.id)) !== JSON.stringify(row));
    for (const row of fresh) known.set(row.id, row);
    if (fresh.length > 0) changed(fresh);
  }

  const soon = throttled(look, LEAST_PAUSE);
  document.addEventListener("visibilitychange", look);
  look();
  return {
    look: soon,
    /** Those that are known of one agent. */
    of: (agent) => [...known.values()].filter((prompt) => prompt.agent_id === agent),
    /** Takes prompts that were read elsewhere. */
    take,
    unmount() {
      open = false;
      clearTimeout(timer);
      soon.stop();
      document.removeEventListener("visibilitychange", look);
    },
  };
}
