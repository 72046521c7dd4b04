// Log entries as they come, for who wants them: while no view does, or nobody sees the page, the server sends none.

const listeners = new Set();
let feed = null;

/** Sets where entries come from. */
export function connect(source) {
  feed = source;
  document.addEventListener("visibilitychange", want);
}

/** Calls `entries(rows)` with what comes, oldest first, and `behind()` where more may have come than that: the listener
 * looks for itself then. Gives its end. */
export function listen(listener) {
  listeners.add(listener);
  want();
  return () => {
    listeners.delete(listener);
    want();
  };
}

/** Takes the data of a `log` frame. One without entries says where the log is, after a pause. */
export function apply({ entries }) {
  for (const listener of listeners) {
    if (entries.length === 0) listener.behind?.();
    else listener.entries(entries);
  }
}

/** There is no feed: who listens looks for itself. */
export function poll() {
  for (const listener of listeners) listener.behind?.();
}

function want() {
  feed.wantLogs(listeners.size > 0 && !document.hidden ? {} : null);
}
