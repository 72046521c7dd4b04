// Each endpoint, and what happens to a request on its way.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ApiError, OrchestratorClient } from "../src/index.js";
import { ROOT, Server, agent, all } from "./server.js";

type Send = (request: Request) => Promise<Response>;

/** Lets `meddle` stand between the client and the network, and gives the requests that were sent. */
function between(test: TestContext, meddle: (request: Request, send: Send) => Promise<Response>): Request[] {
  const requests: Request[] = [];
  const network = globalThis.fetch;
  test.mock.method(globalThis, "fetch", (input: Request | string, init?: RequestInit) => {
    const request = new Request(input, init);
    requests.push(request);
    return meddle(request, network);
  });
  return requests;
}

const refused = (status: number) => (error: unknown) => error instanceof ApiError && error.status === status;

test("everything in the document can be asked", async (t) => {
  const client = (await Server.start(t)).client();
  const requests = between(t, (request, send) => send(request));

  const definition = await client.createDefinition({ name: "Planner", agent_type: "planner" });
  assert.deepEqual(await all(client.listDefinitions({ agent_type: "planner", is_active: true })), [definition]);
  assert.equal((await client.updateDefinition(definition.id, { description: "Plans" })).description, "Plans");
  assert.equal((await client.getDefinition(definition.id)).version, 2);

  const [running, other] = [await agent(client), await agent(client, "other")];
  assert.deepEqual(await client.heartbeat(running, { lease_seconds: 60 }), {
    cancel_requested: false,
    messages_waiting: 0,
  });
  assert.equal((await client.updateAgent(running, { status: "planning" })).status, "planning");
  assert.equal((await client.cancelAgent(other)).cancel_requested, true);
  assert.equal((await client.getAgent(running)).session_id, "demo");
  assert.deepEqual(
    (await all(client.listHistory(running))).map(({ status }) => status),
    ["initializing", "planning"],
  );
  const found = await all(client.listAgents({ session_id: "demo", status: ["planning", "reviewing"] }));
  assert.deepEqual(
    found.map(({ id }) => id),
    [running],
  );

  const prompt = await client.createPrompt({ agent_id: running, prompt_type: "command", prompt_text: "Plan it" });
  assert.equal((await client.updatePrompt(prompt.id, { status: "completed", tokens_input: 12 })).tokens_input, 12);
  assert.equal((await client.getPrompt(prompt.id)).prompt_text, "Plan it");
  assert.equal((await all(client.listPrompts({ agent_id: running }))).length, 1);

  const entry = { agent_id: running, log_type: "milestone" as const, message: "half way" };
  assert.equal((await client.createLogs([entry, entry])).inserted, 2);
  assert.equal((await all(client.listLogs({ level: "INFO" }))).length, 2);
  assert.equal((await all(client.listAgentLogs(running, { limit: 1 }))).length, 2);
  assert.deepEqual(await client.deleteLogs({ older_than_days: 1 }), { deleted: 0 });
  await client.createSystemLog({ component: "queue", message: "long" });
  assert.deepEqual(
    (await all(client.listSystemLogs())).map(({ component }) => component),
    ["queue"],
  );

  const told = await client.tell(running, "Stop at noon");
  assert.deepEqual(await client.getMessage(told.id), told);
  assert.deepEqual(await client.receiveMessages(running, { wait: 1 }), [told]);
  assert.deepEqual(await client.acknowledgeMessages(running, { up_to: told.number }), { acknowledged: 1 });
  const options = ["a", "b"];
  const question = {
    agent_id: running,
    sender_type: "agent",
    receiver_type: "user",
    message: "Which?",
    options,
  } as const;
  const asked = await client.createMessage({ ...question, options });
  assert.deepEqual(
    (await all(client.listMessages({ waiting: "user" }))).map(({ id }) => id),
    [asked.id],
  );
  assert.equal((await client.answer(asked.id, "a")).receiver_type, "agent");

  const workflow = await client.createWorkflow({ adw_name: "Add pages", workflow_type: "plan_build" });
  assert.equal((await client.updateWorkflow(workflow.id, { status: "in_progress" })).status, "in_progress");
  assert.equal((await client.getWorkflow(workflow.id)).adw_name, "Add pages");
  assert.equal((await all(client.listWorkflows({ status: ["in_progress"] }))).length, 1);

  assert.deepEqual((await all(client.listSessions())).map(({ session_id }) => session_id).sort(), ["demo", "other"]);
  assert.equal((await client.getSession("demo")).tokens_input, 12);
  assert.equal((await client.getStats({ session_id: "demo" })).agents.total, 1);
  const { buckets } = await client.getLogHistogram({ since: "2026-02-05", buckets: 10 });
  assert.ok((buckets.at(-1)?.logs.total ?? 0) > 0);
  assert.equal((await client.getHealth()).status, "healthy");
  for await (const _ of client.feed({ transport: "events" })) break;

  await client.deleteAgent(running);
  await client.deleteDefinition(definition.id);
  assert.deepEqual(await all(client.listAgents()), []);

  const asksFor = requests.map(({ method, url }) => ({ method, path: new URL(url).pathname }));
  const document = JSON.parse(readFileSync(join(ROOT, "components/backend/openapi.json"), "utf8"));
  for (const [path, operations] of Object.entries<object>(document.paths)) {
    // OTLP, which exporters send.
    if (path.startsWith("/v1/")) continue;
    const pattern = new RegExp(`^${path.replaceAll("{id}", "[^/]+")}$`);
    for (const operation of Object.keys(operations)) {
      // PATCH is the same as PUT.
      const wanted = operation === "put" ? "PATCH" : operation.toUpperCase();
      const isThere =
        ["/", "/metrics"].includes(path) || asksFor.some(({ method, path }) => method === wanted && pattern.test(path));
      assert.ok(isThere, `${operation} ${path}`);
    }
  }
});

test("a list has all pages", async (t) => {
  const client = (await Server.start(t)).client();
  const names = ["1", "2", "3", "4", "5", "6", "7"];
  for (const name of names) await client.createDefinition({ name, agent_type: "builder" });
  assert.deepEqual(
    (await all(client.listDefinitions({ order: "asc", limit: 3 }))).map(({ name }) => name),
    names,
  );
});

test("what was done and not answered is done once", async (t) => {
  const client = (await Server.start(t)).client();
  const seen = new Set<string>();
  const requests = between(t, async (request, send) => {
    const isFirst = !seen.has(request.method);
    seen.add(request.method);
    const response = await send(request);
    if (!isFirst) return response;
    await response.text();
    throw new TypeError("the connection was lost");
  });
  const { id } = await client.createDefinition({ name: "Planner", agent_type: "planner" });
  const keys = requests.filter(({ method }) => method === "POST").map(({ headers }) => headers.get("Idempotency-Key"));
  assert.equal(keys.length, 2);
  assert.ok(keys[0]);
  assert.equal(keys[0], keys[1]);
  assert.deepEqual(
    (await all(client.listDefinitions())).map((each) => each.id),
    [id],
  );
  await client.deleteDefinition(id);
  await assert.rejects(client.deleteDefinition(id), refused(404));
});

test("a busy server is asked again when it says", async (t) => {
  const client = (await Server.start(t)).client();
  const pauses: number[] = [];
  let busy = 1;
  between(t, async (request, send) => {
    if (busy-- <= 0) return send(request);
    const wait = globalThis.setTimeout;
    // Keeps what was waited for, and waits for nothing.
    t.mock.method(globalThis, "setTimeout", (done: () => void, milliseconds: number) => {
      pauses.push(milliseconds);
      t.mock.restoreAll();
      return wait(done, 0);
    });
    return Response.json({ detail: "busy" }, { status: 503, headers: { "Retry-After": "3" } });
  });
  await client.createDefinition({ name: "Planner", agent_type: "planner" });
  assert.deepEqual(pauses, [3000]);
});

test("what is refused says why", async (t) => {
  const server = await Server.start(t, { API_TOKEN: "secret" });
  const client = server.client({ token: "secret" });
  const { id } = await client.createDefinition({ name: "Planner", agent_type: "planner" });
  await assert.rejects(client.createDefinition({ name: "Planner", agent_type: "planner" }), (error) => {
    assert.ok(error instanceof ApiError);
    assert.match(error.message, /^POST \/api\/agents: 409 .*Planner/);
    return error.status === 409;
  });
  await assert.rejects(client.createDefinition({ name: "", agent_type: "pilot" as "planner" }), (error) => {
    assert.ok(error instanceof ApiError);
    return error.status === 422 && (error.detail as unknown[]).length === 2;
  });
  await client.updateDefinition(id, { is_active: false }, { ifMatch: 1 });
  await assert.rejects(client.updateDefinition(id, { is_active: true }, { ifMatch: 1 }), refused(412));
  await assert.rejects(server.client().getAgent("x"), refused(401));
  await assert.rejects(client.getSession("a/b c?ä"), refused(404));
  await server.kill();
  await assert.rejects(server.client({ retries: 0 }).getHealth(), TypeError);
});

test("the environment names the server", async (t) => {
  const server = await Server.start(t, { API_TOKEN: "secret" });
  process.env["ORCHESTRATOR_URL"] = `${server.url}/`;
  process.env["API_TOKEN"] = "secret";
  t.after(() => {
    delete process.env["ORCHESTRATOR_URL"];
    delete process.env["API_TOKEN"];
  });
  assert.deepEqual(await all(new OrchestratorClient().listAgents()), []);
});
