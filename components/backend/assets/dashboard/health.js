// What the server says of itself (`GET /health`): whether its database is there and takes writes, what is deleted for
// its age, where the live feed is.
//
// It is asked while somebody sees the page: now and then, and sooner while something is wrong. Who asks besides shares
// the request.

const PAUSE = 10_000;
const PAUSE_IN_TROUBLE = 2000;
const ANSWERS_WITHIN = 10_000;

const listeners = new Set();
let answer = {};
let asked = null;
let timer = 0;
let doubtfulUntil = 0;

/** The last answer; empty where the server gave none. */
export const current = () => answer;

/** Calls `listener()` after each answer. Gives its end. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Asks now, and from then on. */
export function run() {
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
  look();
}

/** Asks, and gives the answer, also where the database is away. Fails where there is none at all. */
export function ask() {
  asked ??= request();
  return asked;
}

/** A write was answered 503. The server notices a little later than the write that something holds the database. */
export function doubt() {
  doubtfulUntil = performance.now() + PAUSE;
  look();
}

function look() {
  // That nobody answers, the badge says.
  ask().catch((error) => console.debug("health", error));
}

async function request() {
  clearTimeout(timer);
  try {
    const response = await fetch("/health", { signal: AbortSignal.timeout(ANSWERS_WITHIN) });
    answer = await response.json().catch(() => ({}));
    return answer;
  } catch (error) {
    answer = {};
    throw error;
  } finally {
    asked = null;
    const wrong = answer.status !== "healthy" || answer.writable === false || performance.now() < doubtfulUntil;
    if (!document.hidden) timer = setTimeout(look, wrong ? PAUSE_IN_TROUBLE : PAUSE);
    for (const listener of listeners) listener();
  }
}
