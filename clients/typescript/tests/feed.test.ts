// The live feed, over both transports.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import {
  type AgentFeed,
  ApiError,
  type Frame,
  OrchestratorClient,
  type Schemas,
  type Transport,
} from "../src/index.js";
import { Server, agent, all } from "./server.js";

/** The frames of a feed, which more than one loop can go on with. */
function frames(feed: AgentFeed): AsyncIterable<Frame> {
  const iterator = feed[Symbol.asyncIterator]();
  return { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) };
}

async function next(from: AsyncIterable<Frame>): Promise<Frame> {
  for await (const frame of from) return frame;
  throw new Error("it has ended");
}

/** The statuses of an agent that a feed tells, until it comes to the last one. */
async function statuses(from: AsyncIterable<Frame>, id: string, last: string): Promise<string[]> {
  const seen: string[] = [];
  for await (const { type, data } of from) {
    if (type !== "agent_update") continue;
    seen.push(...data.agents.filter((each) => each.id === id).map(({ status }) => status));
    if (seen.at(-1) === last) break;
  }
  return seen;
}

async function entries(from: AsyncIterable<Frame>, count: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const { type, data } of from) {
    if (type === "log") texts.push(...data.entries.map(({ message }) => message));
    if (texts.length >= count) break;
  }
  return texts;
}

async function log(
  client: OrchestratorClient,
  agent_id: string,
  messages: string[],
  log_level: Schemas["LogLevel"] = "INFO",
) {
  await client.createLogs(messages.map((message) => ({ agent_id, log_type: "milestone", message, log_level })));
}

for (const transport of ["websocket", "events"] satisfies Transport[]) {
  test(`over ${transport}: each change once`, async (t) => {
    const client = (await Server.start(t)).client();
    const id = await agent(client);
    const feed = client.feed({ transport });
    const told = frames(feed);
    const first = await next(told);
    assert.equal(first.type, "agent_update");
    assert.deepEqual([first.data.snapshot, first.data.agents[0]?.name], [true, "Planner"]);
    assert.ok(feed.live);
    for (const status of ["planning", "executing", "reviewing"] as const) await client.updateAgent(id, { status });
    assert.deepEqual(await statuses(told, id, "reviewing"), ["planning", "executing", "reviewing"]);
    assert.equal(feed.agents.get(id)?.status, "reviewing");
    await client.deleteAgent(id);
    await next(told);
    assert.equal(feed.agents.size, 0);
    feed.close();
    assert.deepEqual(await all(told), []);
    assert.ok(!feed.live);
  });

  test(`over ${transport}: it goes on after a lost connection, and in another process`, async (t) => {
    const server = await Server.start(t);
    const client = server.client();
    const id = await agent(client);
    const feed = client.feed({ transport });
    const told = frames(feed);
    await next(told);
    await server.kill();
    await server.restart();
    for (const status of ["planning", "executing"] as const) await client.updateAgent(id, { status });
    assert.deepEqual(await statuses(told, id, "executing"), ["planning", "executing"]);
    feed.close();

    await client.updateAgent(id, { status: "reviewing" });
    await client.updateAgent(id, { status: "completed" });
    const resumed = client.feed({ transport, position: feed.position });
    assert.deepEqual(await statuses(resumed, id, "completed"), ["reviewing", "completed"]);

    const elsewhere = client.feed({ transport, position: { seq: 1, database: "another" } });
    const again = frames(elsewhere);
    assert.deepEqual([(await next(again)).type, (await next(again)).type], ["resync", "agent_update"]);
    assert.deepEqual([...elsewhere.agents.keys()], [id]);
    elsewhere.close();
    assert.deepEqual(await all(again), []);
  });

  test(`over ${transport}: what is beside agents, and filters`, async (t) => {
    const client = (await Server.start(t)).client();
    const [id, other] = [await agent(client, "one"), await agent(client, "other")];
    const include = ["workflows", "messages", "logs", "definitions"] as const;
    const options = { transport, session_id: "one", status: ["initializing", "planning"], level: "ERROR" } as const;
    const feed = client.feed({ ...options, status: [...options.status], include: [...include], agent_id: id });
    const told = frames(feed);
    const seen: string[] = [];
    while (feed.agents.size === 0) seen.push((await next(told)).type);
    assert.ok(seen.includes("definition_update"));
    assert.deepEqual([...feed.agents.keys()], [id]);
    await client.updateAgent(other, { status: "planning" });
    await client.tell(id, "Stop at noon");
    for await (const { type, data } of told) {
      if (type === "message" && data.messages[0]?.message === "Stop at noon") break;
    }
    await log(client, id, ["no"]);
    await log(client, id, ["yes"], "ERROR");
    assert.deepEqual(await entries(told, 1), ["yes"]);
    await client.updateAgent(id, { status: "completed" });
    while (feed.agents.size > 0) await next(told);
    feed.close();
    assert.deepEqual(await all(told), []);
  });

  test(`over ${transport}: log entries that the feed leaves out are read`, async (t) => {
    const client = (await Server.start(t)).client();
    const id = await agent(client);
    await log(client, id, ["earlier"]);
    const feed = client.feed({ transport, include: ["logs"] });
    for await (const _ of feed) if (feed.position?.log_id) break;
    const expected = Array.from({ length: 12_000 }, (_, number) => String(number));
    for (let start = 0; start < 12_000; start += 1000) await log(client, id, expected.slice(start, start + 1000));
    const resumed = client.feed({ transport, include: ["logs"], position: feed.position });
    const told = frames(resumed);
    const first = await entries(told, 3500);
    // A position within them is as good as any other.
    const again = client.feed({ transport, include: ["logs"], position: resumed.position });
    assert.deepEqual([...first, ...(await entries(again, 12_000 - first.length))], expected);
    await log(client, id, ["new"]);
    assert.deepEqual([...first, ...(await entries(told, 12_001 - first.length))], [...expected, "new"]);
    resumed.close();
    assert.deepEqual(await all(told), []);
  });

  test(`over ${transport}: a loop that does not keep up is told everything later`, async (t) => {
    const client = (await Server.start(t)).client();
    const id = await agent(client);
    let sockets = 0;
    const Original = globalThis.WebSocket;
    globalThis.WebSocket = class extends Original {
      constructor(...given: ConstructorParameters<typeof WebSocket>) {
        super(...given);
        sockets++;
      }
    };
    t.after(() => (globalThis.WebSocket = Original));
    const feed = client.feed({ transport, include: ["messages"] });
    const told = frames(feed);
    while (feed.agents.size === 0) await next(told);
    // More frames than may wait, as changes of two kinds take turns.
    const texts = Array.from({ length: 600 }, (_, number) => String(number));
    for (const text of texts) {
      await client.tell(id, text);
      await client.updateAgent(id, { context: text });
    }
    const seen: string[] = [];
    for await (const { type, data } of told) {
      if (type === "message") seen.push(...data.messages.map(({ message }) => message));
      if (feed.agents.get(id)?.context === texts.at(-1)) break;
    }
    assert.deepEqual(seen, texts);
    assert.equal(sockets, transport === "websocket" ? 2 : 0);
    feed.close();
    assert.deepEqual(await all(told), []);
  });
}

test("events where no WebSocket opens", async (t) => {
  const without = await Server.start(t, { FEED_URL: "ws://127.0.0.1:1/ws/agent-status" });
  const feed = without.client().feed();
  for await (const frame of feed) {
    assert.equal(frame.type, "agent_update");
    break;
  }
  const client = (await Server.start(t, { API_TOKEN: "with/slash=" })).client({ token: "with/slash=" });
  for await (const frame of client.feed()) {
    assert.equal(frame.type, "agent_update");
    break;
  }
});

test("a token goes along", async (t) => {
  const server = await Server.start(t, { API_TOKEN: "secret" });
  for (const transport of ["websocket", "events"] satisfies Transport[]) {
    for await (const frame of server.client({ token: "secret" }).feed({ transport })) {
      assert.equal(frame.type, "agent_update");
      break;
    }
  }
  const refused = (error: unknown) => error instanceof ApiError && error.status === 401;
  await assert.rejects(all(server.client({ token: "wrong" }).feed()), refused);
});

test("what is no feed", async (t) => {
  const page = createServer((_, response) => response.setHeader("Content-Type", "text/html").end("<p>Welcome"));
  await new Promise<void>((resolve) => page.listen(0, "127.0.0.1", resolve));
  t.after(() => page.close());
  const client = new OrchestratorClient({ url: `http://127.0.0.1:${(page.address() as AddressInfo).port}` });
  await assert.rejects(all(client.feed()), /this is no feed/);
});

test("a feed whose server is away can be closed", async (t) => {
  const server = await Server.start(t);
  const client = server.client();
  await server.kill();
  const abort = new AbortController();
  const feed = client.feed({ signal: abort.signal });
  const ended = all(feed);
  abort.abort();
  assert.deepEqual(await ended, []);
  assert.deepEqual(await all(client.feed({ signal: abort.signal })), []);
});
