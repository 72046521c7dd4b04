// The live feed, by WebSocket, or by Server-Sent Events where there is none.

import type { components } from "./api.js";
import type { OrchestratorClient } from "./client.js";
import { events, webSocket } from "./connections.js";
import { ApiError } from "./errors.js";
import type { FeedAgent, Frame, Included, Log } from "./frames.js";
import { BUSY, backoff, pause } from "./retry.js";

type Schemas = components["schemas"];

export type Transport = "websocket" | "events";

/** Where a feed is: what comes after it was not told yet. */
export interface Position {
  seq: number;
  database: string;
  log_id?: number | undefined;
}

export interface FeedOptions {
  session_id?: string;
  status?: Schemas["AgentStatus"][];
  /** What is told beside agents. */
  include?: Included[];
  /** Narrows log entries. */
  level?: Schemas["LogLevel"];
  /** Narrows log entries. */
  agent_id?: string;
  /** That of an earlier feed, to go on after it. */
  position?: Position | undefined;
  /** Else a WebSocket is tried first, where there are any, and the other one where that does not open. */
  transport?: Transport;
  signal?: AbortSignal | undefined;
}

/** Frames, one after the other, until it is closed. After a lost connection it goes on where it was. */
export class AgentFeed implements AsyncIterable<Frame> {
  /** Those that the frames so far have told of, by id. */
  readonly agents = new Map<string, FeedAgent>();
  /** That of the last frame. */
  position: Position | undefined;
  /** Whether there is a connection, and the server can read its database. */
  live = false;
  readonly #client: OrchestratorClient;
  readonly #options: FeedOptions;
  readonly #closed = new AbortController();
  /** The last log entry, which has a position of its own. */
  #logId: number | undefined;

  constructor(client: OrchestratorClient, options: FeedOptions) {
    this.#client = client;
    this.#options = options;
    this.position = options.position;
    this.#logId = options.position?.log_id;
    if (options.signal?.aborted) this.close();
    options.signal?.addEventListener("abort", () => this.close(), { once: true, signal: this.#closed.signal });
  }

  /** Ends the loop over its frames. */
  close(): void {
    this.#closed.abort();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Frame> {
    const { signal } = this.#closed;
    let transport: Transport = this.#options.transport ?? ("WebSocket" in globalThis ? "websocket" : "events");
    for (let failures = 0; !signal.aborted; failures++) {
      let opened = false;
      try {
        for await (const frame of this.#frames(transport)) {
          opened = true;
          failures = 0;
          if (frame) yield frame;
          if (signal.aborted) return;
        }
      } catch (error) {
        // A WebSocket does not say why it does not open; then the events do.
        const isFinal = error instanceof ApiError && !BUSY.has(error.status) && transport === "events";
        if (isFinal) throw error;
      } finally {
        this.live = false;
      }
      if (!opened && !this.#options.transport && "WebSocket" in globalThis) {
        transport = transport === "websocket" ? "events" : "websocket";
        // The other one is tried at once, and then there is a pause.
        if (transport === "events") continue;
      }
      await pause(backoff(failures, 250), signal).catch(() => {});
    }
  }

  /** The frames of one connection; for those that only say that it is alive, there is nothing. */
  async *#frames(transport: Transport): AsyncGenerator<Frame | undefined> {
    const open = transport === "websocket" ? webSocket : events;
    let database = "";
    // Whether what this client has is all that there is up to its position: a snapshot is, once it is there whole.
    let whole = this.position !== undefined;
    for await (const text of open(this.#client, this.#query(), this.#closed.signal)) {
      const { type, data } = JSON.parse(text) as { type: Frame["type"] | "connection_ack" | "heartbeat"; data: any };
      if (type === "connection_ack" || type === "heartbeat") this.live = data.live ?? true;
      if (type === "connection_ack") database = data.database;
      if (type === "log" && data.missed_url) {
        for await (const page of this.#missed(data)) yield page;
      }
      if (type === "agent_update" && data.snapshot) whole = true;
      if (type === "resync") whole = false;
      this.#logId = data.log_id ?? this.#logId;
      const seq: number | undefined = data.seq ?? this.position?.seq;
      if (type !== "connection_ack" && whole && seq !== undefined)
        this.position = { seq, database, log_id: this.#logId };
      if (type === "agent_update") this.#keep(data);
      if (type === "resync") this.agents.clear();
      yield type === "connection_ack" || type === "heartbeat" ? undefined : ({ type, data } as Frame);
    }
  }

  #query(): URLSearchParams {
    const { session_id, status, include, level, agent_id } = this.#options;
    const { seq, database, log_id } = this.position ?? {};
    const all = { session_id, status, include, level, agent_id, since: seq, database, log_since: log_id };
    const given = Object.entries(all).filter(([, value]) => value !== undefined && String(value) !== "");
    return new URLSearchParams([["mode", "delta"], ...given.map(([name, value]) => [name, String(value)])]);
  }

  #keep({ snapshot, agents, removed }: { snapshot?: true; agents: FeedAgent[]; removed: string[] }): void {
    if (snapshot) this.agents.clear();
    for (const agent of agents) this.agents.set(agent.id, agent);
    for (const id of removed) this.agents.delete(id);
  }

  /** The log entries that the feed has left out, up to where it goes on, as frames would have them. */
  async *#missed(data: { missed_url: string; log_id: number; timestamp: string }): AsyncGenerator<Log> {
    for await (const page of this.#client.pages<Schemas["LogEntry"]>(data.missed_url, this.#closed.signal)) {
      const entries = page.filter(({ id }) => id <= data.log_id);
      const last = entries.at(-1);
      if (!last) return;
      this.#logId = last.id;
      if (this.position) this.position = { ...this.position, log_id: last.id };
      yield { type: "log", data: { entries, timestamp: data.timestamp, log_id: last.id } };
    }
  }
}
