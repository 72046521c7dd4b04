// How many agents there are and what they cost, as the server counts them: what the page holds is only a part.

import * as api from "./api.js";
import { throttled } from "./dom.js";
import * as store from "./store.js";

const LEAST_PAUSE = 1000;

/** Calls `show` with the statistics, of a session or of all, now and whenever they may be others. */
export function follow(show) {
  let query = "";
  let open = true;

  async function load() {
    // Who looks again gets them then.
    if (document.hidden) return;
    const asked = query;
    try {
      const stats = await api.get(`/api/runtime/stats${asked}`);
      if (open && asked === query) show(stats);
    } catch (error) {
      // The badge says that the server is away; what is shown stays.
      console.debug("stats", error);
    }
  }

  const soon = throttled(load, LEAST_PAUSE);
  const unlisten = store.listen(soon);
  document.addEventListener("visibilitychange", load);
  return {
    of(session) {
      query = session ? `?${new URLSearchParams({ session_id: session })}` : "";
      return load();
    },
    unmount() {
      open = false;
      unlisten();
      soon.stop();
      document.removeEventListener("visibilitychange", load);
    },
  };
}
