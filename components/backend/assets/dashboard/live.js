// Follows the live feed (docs/feed.md): by WebSocket, else by Server-Sent Events, else by asking every few seconds.
//
// After a lost connection it goes on after the last change that it has. `onState` is told what is true: `live`,
// `polling`, `stale` (connected, but what is shown may be old), `reconnecting`, `locked` (nobody gave a token).
//
// Log entries are only sent while a view wants some. To change that, the connection is made anew, and goes on where it was.

import * as api from "./api.js";
import * as health from "./health.js";

const INCLUDE = "workflows,messages,definitions";
const POLL = 3000;
/** How long a host without WebSocket is left alone before the next attempt. */
const RETRY_SOCKET = 60_000;
const LONGEST_WAIT = 5000;
const OPENS_WITHIN = 10_000;

export class Feed {
  #handlers;
  #onState;
  #seq = null;
  #logs = null;
  /** The same, as it was asked for. */
  #asked = "null";
  #logId = null;
  #switching = false;
  #switchTimer = 0;
  #database = null;
  #heartbeat = 15;
  #heard = 0;
  #current = true;
  #connected = false;
  #close = () => {};
  #socketAfter = 0;
  /** @type {(value?: unknown) => void} */
  #retry = () => {};

  /** `handlers` take the data of each frame, by its type; `poll` is called instead while there is no feed. */
  constructor(handlers, onState) {
    this.#handlers = handlers;
    this.#onState = onState;
  }

  /** Which log entries are wanted from now on: `{agent_id}` or `{}` for all, null for none. */
  wantLogs(filter) {
    if (JSON.stringify(filter) === JSON.stringify(this.#logs)) return;
    this.#logs = filter;
    this.#logId = null;
    clearTimeout(this.#switchTimer);
    // Who goes from one view to another wants none, and then others.
    this.#switchTimer = setTimeout(() => {
      if (this.#asked === JSON.stringify(this.#logs)) return;
      this.#switching = true;
      this.#close();
    }, 20);
  }

  /** Goes on where it stopped for want of a token. */
  retry() {
    this.#retry();
  }

  async run() {
    setInterval(() => this.#watch(), 1000);
    for (let failures = 0; ; failures++) {
      const began = performance.now();
      let refused = false;
      let polled = false;
      try {
        polled = await this.#follow();
      } catch (error) {
        console.debug("feed", error);
        refused = error.status === 401;
      }
      this.#connected = false;
      if (this.#switching) {
        this.#switching = false;
        failures = 0;
        continue;
      }
      if (refused) {
        this.#onState("locked");
        await new Promise((resolve) => (this.#retry = resolve));
        continue;
      }
      // Nothing was lost: it is only time to look for something better again.
      if (polled) continue;
      if (performance.now() - began > LONGEST_WAIT) failures = 0;
      this.#onState("reconnecting");
      const wait = Math.min(LONGEST_WAIT, 250 * 2 ** Math.min(failures, 8));
      await sleep(wait * (0.75 + Math.random() / 2));
    }
  }

  /** Follows until the connection is lost. Gives whether there was none, but polling. */
  async #follow() {
    if (performance.now() >= this.#socketAfter) {
      if ((await this.#bySocket()) || this.#switching) return false;
      // A socket does not say why it did not open. This fails where the server is away, and asks for a token where
      // one is missing.
      const token = api.currentToken();
      await api.get("/api/runtime/agents?limit=1");
      if (api.currentToken() !== token && (await this.#bySocket())) return false;
      this.#socketAfter = performance.now() + RETRY_SOCKET;
    }
    if ((await this.#byEvents()) || this.#switching) return false;
    await this.#byPolling();
    return true;
  }

  /** Whether there was a connection. */
  async #bySocket() {
    const { feed_url: path = "/ws/agent-status" } = await health.ask();
    const url = new URL(path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.search = this.#query();
    const token = api.currentToken();
    const socket = token ? new WebSocket(url, ["bearer", token]) : new WebSocket(url);
    let opened = false;
    return new Promise((resolve) => {
      const timer = setTimeout(() => socket.close(), OPENS_WITHIN);
      this.#close = () => {
        // A peer that is gone answers no close, and the browser would wait for it.
        socket.onmessage = null;
        // One that still opens is closed once it has: before, the browser would complain of it.
        if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
        else socket.close();
        resolve(opened);
      };
      socket.onmessage = ({ data }) => {
        opened = true;
        clearTimeout(timer);
        this.#take(JSON.parse(data));
      };
      socket.onclose = () => {
        clearTimeout(timer);
        resolve(opened);
      };
    });
  }

  /** The same by `fetch`: an `EventSource` cannot send a token. */
  async #byEvents() {
    const abort = new AbortController();
    this.#close = () => abort.abort();
    const headers = { Accept: "text/event-stream" };
    if (this.#seq !== null) headers["Last-Event-ID"] = this.#position();
    const path = `/api/runtime/events?${this.#query()}`;
    let opened = false;
    // What lies between us and the server may hold events back for ever.
    const timer = setTimeout(() => opened || abort.abort(), OPENS_WITHIN);
    try {
      const response = await api.send("GET", path, undefined, { signal: abort.signal, headers });
      if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) return false;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return opened;
        const events = (rest + value).split(/\r?\n\r?\n/);
        rest = events.pop();
        for (const event of events) {
          const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
          // A comment is a sign of life too.
          this.#heard = performance.now();
          if (lines.length === 0) continue;
          opened = true;
          this.#take(JSON.parse(lines.map((line) => line.slice(5).trimStart()).join("\n")));
        }
      }
    } catch (error) {
      // An answer that is no stream, or none in time: there are no events here.
      const refused = error.status > 0 && error.status !== 401;
      if (!opened && (refused || abort.signal.aborted)) return false;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #byPolling() {
    this.#close = () => {};
    while (performance.now() < this.#socketAfter) {
      this.#switching = false;
      await this.#handlers.poll();
      this.#seq = null;
      this.#onState("polling");
      await sleep(POLL);
    }
  }

  /** What an event stream goes on after. */
  #position() {
    return this.#logId === null ? String(this.#seq) : `${this.#seq}-${this.#logId}`;
  }

  #query() {
    this.#asked = JSON.stringify(this.#logs);
    const include = this.#logs ? `${INCLUDE},logs` : INCLUDE;
    const query = new URLSearchParams({ mode: "delta", include, ...this.#logs });
    if (this.#seq !== null) query.set("since", this.#seq);
    if (this.#seq !== null && this.#database) query.set("database", this.#database);
    if (this.#seq !== null && this.#logId !== null) query.set("log_since", this.#logId);
    return query.toString();
  }

  #take({ type, data }) {
    this.#heard = performance.now();
    if (type === "connection_ack") {
      this.#connected = true;
      this.#current = true;
      this.#heartbeat = data.heartbeat_seconds ?? this.#heartbeat;
      // A position is only good in the database that it is of.
      if (data.database !== this.#database) [this.#seq, this.#logId] = [null, null];
      this.#database = data.database ?? null;
    } else if (type === "heartbeat") {
      this.#current = data.live !== false;
    } else {
      this.#handlers[type]?.(data);
    }
    if (type !== "connection_ack") this.#seq = data.seq ?? this.#seq;
    if (this.#logs) this.#logId = data.log_id ?? this.#logId;
    this.#watch();
  }

  /** Says what is true now. */
  #watch() {
    if (!this.#connected) return;
    const silent = performance.now() - this.#heard > 2000 * this.#heartbeat;
    this.#onState(silent || !this.#current ? "stale" : "live");
    if (silent) {
      this.#connected = false;
      this.#close();
    }
  }
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
