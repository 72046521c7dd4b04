// A real server for each test: the binary, with a database of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { OrchestratorClient } from "../src/index.js";

export const PACKAGE = resolve(new URL(".", import.meta.url).pathname, "../..");
export const ROOT = resolve(PACKAGE, "../..");
const ORCHESTRATOR = resolve(ROOT, process.env["CARGO_TARGET_DIR"] ?? "target", "release/orchestrator");

/** `orchestrator serve`, which keeps its port when it is started again. It ends with the test. */
export class Server {
  url = "";
  #port = "0";
  #process: ChildProcess | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), "orchestrator-client-"));

  static async start(test: TestContext, environment: Record<string, string> = {}): Promise<Server> {
    const server = new Server(environment);
    test.after(async () => {
      await server.kill();
      rmSync(server.#folder, { recursive: true });
    });
    await server.restart();
    return server;
  }

  private constructor(readonly environment: Record<string, string>) {}

  async restart(): Promise<void> {
    const manifest = ["--manifest", join(ROOT, "spin.toml"), "serve"];
    const files = { DATABASE_PATH: join(this.#folder, "test.db"), WEBSOCKET_PORT: this.#port, NO_COLOR: "1" };
    const env = { PATH: process.env["PATH"], ...files, ...this.environment };
    const started = spawn(ORCHESTRATOR, manifest, { cwd: this.#folder, env, stdio: ["ignore", "ignore", "pipe"] });
    this.#process = started;
    const said: string[] = [];
    for await (const line of createInterface(started.stderr)) {
      said.push(line);
      const address = /serving (http:\/\/\S+)/.exec(line)?.[1];
      if (address === undefined) continue;
      this.url = address;
      this.#port = new URL(address).port;
      started.stderr.resume();
      return;
    }
    throw new Error(`the server does not start: ${said.join("\n")}`);
  }

  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running) return;
    running.kill("SIGKILL");
    await once(running, "exit");
  }

  client(options: { token?: string; retries?: number } = {}): OrchestratorClient {
    return new OrchestratorClient({ url: this.url, ...options });
  }
}

/** All of a list. */
export async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

/** A running agent, of a definition that is made where there is none. */
export async function agent(client: OrchestratorClient, session_id = "demo"): Promise<string> {
  const [found] = await all(client.listDefinitions({ q: "Planner" }));
  const { id } = found ?? (await client.createDefinition({ name: "Planner", agent_type: "planner" }));
  return (await client.createAgent({ orchestrator_agent_id: id, session_id })).id;
}
