// What is shipped, and what its README says.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { PACKAGE, ROOT, Server, agent, all } from "./server.js";

const SNIPPETS = [...readFileSync(join(PACKAGE, "README.md"), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(
  (each) => each[1] ?? "",
);
/** Inside of the package, so that it finds itself by its name. */
const FOLDER = join(PACKAGE, "build/snippets");

test("types are those of the document", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "orchestrator-client-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const made = join(folder, "api.ts");
  const generator = join(PACKAGE, "node_modules/.bin/openapi-typescript");
  execFileSync(generator, [join(ROOT, "components/backend/openapi.json"), "--alphabetize", "--output", made]);
  const isSame = readFileSync(made, "utf8") === readFileSync(join(PACKAGE, "src/api.ts"), "utf8");
  assert.ok(isSame, "src/api.ts is not in step: npm run generate");
});

test("the first snippet has ten lines at most", () => {
  assert.ok((SNIPPETS[0] ?? "").trim().split("\n").length <= 10);
});

test("snippets compile", () => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  SNIPPETS.forEach((snippet, number) => writeFileSync(join(FOLDER, `${number}.ts`), snippet));
  const config = {
    extends: "../../tsconfig.json",
    compilerOptions: { rootDir: ".", outDir: "." },
    include: ["*.ts"],
    exclude: [],
  };
  writeFileSync(join(FOLDER, "tsconfig.json"), JSON.stringify(config));
  execFileSync(join(PACKAGE, "node_modules/.bin/tsc"), ["--project", FOLDER], { stdio: "inherit" });
});

/** What snippet `number` says. `meanwhile` is called again and again until it has ended. */
async function run(number: number, server: Server, meanwhile?: () => Promise<unknown>): Promise<string> {
  const env = { PATH: process.env["PATH"], ORCHESTRATOR_URL: server.url };
  const snippet = spawn(process.execPath, [join(FOLDER, `${number}.js`)], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  snippet.stdout.on("data", (text) => (said += text));
  const ended = once(snippet, "close");
  while (meanwhile && snippet.exitCode === null) {
    await meanwhile();
    await setTimeout(50);
  }
  assert.deepEqual(await ended, [0, null]);
  return said;
}

test("the first snippet answers a question", async (t) => {
  const server = await Server.start(t);
  const client = server.client();
  const agent_id = await agent(client);
  await client.createMessage({
    agent_id,
    sender_type: "agent",
    receiver_type: "user",
    message: "Go on?",
    options: ["yes"],
  });
  assert.match(await run(0, server), /^Go on\? \[ 'yes' \]/);
  assert.deepEqual(
    (await client.receiveMessages(agent_id)).map(({ message }) => message),
    ["yes"],
  );
});

test("the second snippet follows the feed", async (t) => {
  const server = await Server.start(t);
  const client = server.client();
  const agent_id = await agent(client, "release");
  const done = { agent_id, log_type: "milestone", message: "done" } as const;
  assert.match(await run(1, server, () => client.createLogs([done])), /^Planner initializing/);
});

test("the third snippet lives through a run", async (t) => {
  const server = await Server.start(t);
  assert.match(await run(2, server), /^409 /);
  assert.deepEqual(
    (await all(server.client().listAgents())).map(({ status }) => status),
    ["completed"],
  );
  assert.equal(SNIPPETS.length, 3);
});
