// The two ways in which the feed's frames come: each gives their texts until the connection is lost.

import { EventSourceParserStream } from "eventsource-parser/stream";
import type { components } from "./api.js";
import type { OrchestratorClient } from "./client.js";
import { ApiError } from "./errors.js";

/** For how long there is nothing from a server that is gone: it says something every 15 s, over events every 5 s. */
const SILENCE = 40_000;
/** How many texts may wait for who reads them. With more, the connection is given up, and taken up again later. */
const MOST_WAITING = 1000;

/** Over a WebSocket. Fails where it does not open. */
export async function* webSocket(
  client: OrchestratorClient,
  query: URLSearchParams,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const health = await fetch(`${client.url}/health`, { signal });
  if (!health.ok) throw await ApiError.of(health, "GET /health");
  const { feed_url } = (await health.json()) as components["schemas"]["Health"];
  signal.throwIfAborted();
  const url = new URL(feed_url, client.url);
  url.protocol = url.protocol.replace("http", "ws");
  url.search = query.toString();
  // A browser can send a token in no other way.
  const socket = new WebSocket(url, client.token ? ["bearer", client.token] : []);
  const waiting: string[] = [];
  let wake = () => {};
  let lost = false;
  const lose = () => {
    // Closing may tell of an error, and so come back here.
    if (lost) return;
    lost = true;
    silence.stop();
    socket.onmessage = null;
    socket.close();
    wake();
  };
  const silence = watchdog(lose);
  socket.onmessage = ({ data }) => {
    silence.reset();
    waiting.push(String(data));
    if (waiting.length >= MOST_WAITING) lose();
    wake();
  };
  socket.onclose = socket.onerror = lose;
  signal.addEventListener("abort", lose);
  try {
    for (;;) {
      const text = waiting.shift();
      if (text !== undefined) yield text;
      else if (lost) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal.removeEventListener("abort", lose);
    lose();
  }
}

/** Over Server-Sent Events, by `fetch`: an `EventSource` cannot send a token. */
export async function* events(
  client: OrchestratorClient,
  query: URLSearchParams,
  signal: AbortSignal,
): AsyncGenerator<string> {
  signal.throwIfAborted();
  const connection = new AbortController();
  const lose = () => {
    silence.stop();
    connection.abort();
  };
  const silence = watchdog(lose);
  signal.addEventListener("abort", lose);
  try {
    const headers = { Accept: "text/event-stream", ...client.headers() };
    const response = await fetch(`${client.url}/api/runtime/events?${query}`, { headers, signal: connection.signal });
    if (!response.ok) throw await ApiError.of(response, "GET /api/runtime/events");
    if (!response.body || !response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      throw new ApiError(response.status, "this is no feed", "GET /api/runtime/events");
    }
    const heard = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        // A comment is a sign of life too.
        silence.reset();
        controller.enqueue(chunk);
      },
    });
    const parsed = response.body
      .pipeThrough(heard)
      .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
      .pipeThrough(new EventSourceParserStream())
      .getReader();
    for (;;) {
      const { done, value } = await parsed.read();
      if (done) return;
      yield value.data;
    }
  } finally {
    signal.removeEventListener("abort", lose);
    lose();
  }
}

/** Calls `lose` where it was not reset for long, until it is stopped. */
function watchdog(lose: () => void) {
  let timer: ReturnType<typeof setTimeout> | undefined = setTimeout(lose, SILENCE);
  const stop = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  const reset = () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = setTimeout(lose, SILENCE);
  };
  return { reset, stop };
}
