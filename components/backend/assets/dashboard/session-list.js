// All sessions, for who looks for one: the API cannot be asked for a part of a name.

import * as api from "./api.js";

const FRESH = 10_000;
const MOST_PAGES = 20;

let kept = null;
let readAt = -Infinity;

/** The sessions whose name has `text` in it, the newest first. */
export async function search(text) {
  if (performance.now() - readAt > FRESH) {
    readAt = performance.now();
    kept = readAll();
    kept.catch(() => (readAt = -Infinity));
  }
  const wanted = text.toLowerCase();
  return (await kept).filter((session) => session.session_id.toLowerCase().includes(wanted));
}

async function readAll() {
  const found = [];
  let next = "/api/runtime/sessions?limit=1000";
  for (let pages = 0; next && pages < MOST_PAGES; pages++) {
    const page = await api.page(next);
    found.push(...page.rows);
    next = page.next;
  }
  return found;
}
