// The client: a method for each endpoint. Their types are those of the API's document.

import createClient, { type Client } from "openapi-fetch";
import type { components, operations, paths } from "./api.js";
import { ApiError } from "./errors.js";
import { AgentFeed, type FeedOptions } from "./feed.js";
import { retrying } from "./retry.js";

export type Schemas = components["schemas"];
/** Lists are read as JSON, page by page, and not as files. */
type Query<O extends keyof operations> = Omit<NonNullable<operations[O]["parameters"]["query"]>, "format">;
type Json = "application/json";
type Body<O extends keyof operations> = operations[O] extends {
  requestBody?: { content: { "application/json": infer B } };
}
  ? B
  : never;

export interface ClientOptions {
  /** Where the server is. In Node `ORCHESTRATOR_URL`, in a browser the page's own server, where it is not given. */
  url?: string | undefined;
  /** In Node `API_TOKEN`, where it is not given. */
  token?: string | undefined;
  /** How often a request is sent again while the server is away or busy. */
  retries?: number;
}

/** What may go along with a POST, or with a change. */
export interface Once {
  /** Sent again within a day with the same body, the request gets the first answer and has no second effect. */
  idempotencyKey?: string;
}
export interface IfMatch {
  /** Changes only this `version`; else the error is an `ApiError` with 412. */
  ifMatch?: number;
}

/** A client of one server. A request that is refused throws an `ApiError`. */
export class OrchestratorClient {
  readonly url: string;
  readonly token: string | undefined;
  readonly #api: Client<paths, Json>;
  readonly #fetch: (request: Request) => Promise<Response>;

  constructor({ url, token, retries = 8 }: ClientOptions = {}) {
    const page = (globalThis as { location?: Location }).location?.origin;
    this.url = (url ?? environment("ORCHESTRATOR_URL") ?? page ?? "http://localhost:8000").replace(/\/+$/, "");
    this.token = token ?? environment("API_TOKEN");
    this.#fetch = retrying(retries);
    this.#api = createClient<paths, Json>({
      baseUrl: this.url,
      headers: this.headers(),
      querySerializer: { array: { style: "form", explode: false } },
      fetch: this.#fetch,
    });
    this.#api.use({
      onResponse: async ({ request, response, schemaPath }) => {
        if (!response.ok) throw await ApiError.of(response, `${request.method} ${schemaPath}`);
      },
    });
  }

  /** The live feed: each change once and in order, also after a lost connection. */
  feed(options: FeedOptions = {}): AgentFeed {
    return new AgentFeed(this, options);
  }

  /** What every request has. */
  headers(): Record<string, string> {
    return this.token ? { Authorization: `Bearer ${this.token}` } : {};
  }

  // Definitions.

  listDefinitions(query: Query<"get_agents"> = {}) {
    return this.#list(this.#api.GET("/api/agents", { params: { query } }));
  }
  createDefinition(body: Body<"post_agents">, once: Once = {}) {
    return data(this.#api.POST("/api/agents", { body, params: key(once) }));
  }
  getDefinition(id: string) {
    return data(this.#api.GET("/api/agents/{id}", { params: { path: { id } } }));
  }
  updateDefinition(id: string, body: Body<"patch_agents_id">, match: IfMatch = {}) {
    return data(this.#api.PATCH("/api/agents/{id}", { body, params: { path: { id }, ...etag(match) } }));
  }
  /** Deletes it with its agents. */
  deleteDefinition(id: string, match: IfMatch = {}) {
    return nothing(this.#api.DELETE("/api/agents/{id}", { params: { path: { id }, ...etag(match) } }));
  }

  // Running agents.

  listAgents(query: Query<"get_runtime_agents"> = {}) {
    return this.#list(this.#api.GET("/api/runtime/agents", { params: { query } }));
  }
  createAgent(body: Body<"post_runtime_agents">, once: Once = {}) {
    return data(this.#api.POST("/api/runtime/agents", { body, params: key(once) }));
  }
  getAgent(id: string) {
    return data(this.#api.GET("/api/runtime/agents/{id}", { params: { path: { id } } }));
  }
  updateAgent(id: string, body: Body<"patch_runtime_agents_id">, match: IfMatch = {}) {
    return data(this.#api.PATCH("/api/runtime/agents/{id}", { body, params: { path: { id }, ...etag(match) } }));
  }
  deleteAgent(id: string, match: IfMatch = {}) {
    return nothing(this.#api.DELETE("/api/runtime/agents/{id}", { params: { path: { id }, ...etag(match) } }));
  }
  /** Asks it to stop. It hears so with its next heartbeat. */
  cancelAgent(id: string) {
    return this.updateAgent(id, { cancel_requested: true });
  }
  heartbeat(id: string, body: Body<"post_runtime_agents_id_heartbeat"> = {}) {
    return data(this.#api.POST("/api/runtime/agents/{id}/heartbeat", { body, params: { path: { id } } }));
  }
  listHistory(id: string, query: Query<"get_runtime_agents_id_history"> = {}) {
    return this.#list(this.#api.GET("/api/runtime/agents/{id}/history", { params: { path: { id }, query } }));
  }

  // Prompts.

  listPrompts(query: Query<"get_runtime_prompts"> = {}) {
    return this.#list(this.#api.GET("/api/runtime/prompts", { params: { query } }));
  }
  createPrompt(body: Body<"post_runtime_prompts">, once: Once = {}) {
    return data(this.#api.POST("/api/runtime/prompts", { body, params: key(once) }));
  }
  getPrompt(id: string) {
    return data(this.#api.GET("/api/runtime/prompts/{id}", { params: { path: { id } } }));
  }
  updatePrompt(id: string, body: Body<"patch_runtime_prompts_id">) {
    return data(this.#api.PATCH("/api/runtime/prompts/{id}", { body, params: { path: { id } } }));
  }

  // Log entries.

  listLogs(query: Query<"get_runtime_logs"> = {}) {
    return this.#list(this.#api.GET("/api/runtime/logs", { params: { query } }));
  }
  /** Those of one agent; an `ApiError` with 404 where there is no such agent. */
  listAgentLogs(id: string, query: Query<"get_runtime_logs_agent_id"> = {}) {
    return this.#list(this.#api.GET("/api/runtime/logs/agent/{id}", { params: { path: { id }, query } }));
  }
  /** Stores up to 1000 entries, all of them or none. */
  async createLogs(body: Extract<Body<"post_runtime_logs">, unknown[]>, once: Once = {}) {
    return (await data(this.#api.POST("/api/runtime/logs", { body, params: key(once) }))) as Schemas["Inserted"];
  }
  deleteLogs(query: Query<"delete_runtime_logs">) {
    return data(this.#api.DELETE("/api/runtime/logs", { params: { query } }));
  }
  listSystemLogs(query: Query<"get_runtime_system_logs"> = {}) {
    return this.#list(this.#api.GET("/api/runtime/system-logs", { params: { query } }));
  }
  createSystemLog(body: Body<"post_runtime_system_logs">, once: Once = {}) {
    return data(this.#api.POST("/api/runtime/system-logs", { body, params: key(once) }));
  }

  // Messages.

  /** What was said; with `waiting: "user"` the questions to people that nobody has answered. */
  listMessages(query: Query<"get_runtime_messages"> = {}) {
    return this.#list(this.#api.GET("/api/runtime/messages", { params: { query } }));
  }
  createMessage(body: Body<"post_runtime_messages">, once: Once = {}) {
    return data(this.#api.POST("/api/runtime/messages", { body, params: key(once) }));
  }
  getMessage(id: string) {
    return data(this.#api.GET("/api/runtime/messages/{id}", { params: { path: { id } } }));
  }
  /** Answers a question as a person. It has one answer: who is second gets an `ApiError` with 409. */
  answer(question: string, message: string) {
    return this.createMessage({ sender_type: "user", reply_to: question, message });
  }
  /** Writes to an agent as a person. */
  tell(agent: string, message: string) {
    return this.createMessage({ sender_type: "user", receiver_type: "agent", agent_id: agent, message });
  }
  /** What is addressed to an agent, oldest first. Waits up to `wait` (30) seconds until there is something. */
  receiveMessages(id: string, query: Query<"get_runtime_agents_id_messages"> = {}) {
    return data(this.#api.GET("/api/runtime/agents/{id}/messages", { params: { path: { id }, query } }));
  }
  /** Says that the agent has its messages up to a number. */
  acknowledgeMessages(id: string, body: Body<"post_runtime_agents_id_messages_ack">) {
    return data(this.#api.POST("/api/runtime/agents/{id}/messages/ack", { body, params: { path: { id } } }));
  }

  // Workflows, sessions and what else there is.

  listWorkflows(query: Query<"get_runtime_workflows"> = {}) {
    return this.#list(this.#api.GET("/api/runtime/workflows", { params: { query } }));
  }
  createWorkflow(body: Body<"post_runtime_workflows">, once: Once = {}) {
    return data(this.#api.POST("/api/runtime/workflows", { body, params: key(once) }));
  }
  getWorkflow(id: string) {
    return data(this.#api.GET("/api/runtime/workflows/{id}", { params: { path: { id } } }));
  }
  updateWorkflow(id: string, body: Body<"patch_runtime_workflows_id">) {
    return data(this.#api.PATCH("/api/runtime/workflows/{id}", { body, params: { path: { id } } }));
  }
  listSessions(query: Query<"get_runtime_sessions"> = {}) {
    return this.#list(this.#api.GET("/api/runtime/sessions", { params: { query } }));
  }
  getSession(id: string) {
    return data(this.#api.GET("/api/runtime/sessions/{id}", { params: { path: { id } } }));
  }
  getStats(query: Query<"get_runtime_stats"> = {}) {
    return data(this.#api.GET("/api/runtime/stats", { params: { query } }));
  }
  getLogHistogram(query: Query<"get_runtime_logs_histogram">) {
    return data(this.#api.GET("/api/runtime/logs/histogram", { params: { query } }));
  }
  getHealth() {
    return data(this.#api.GET("/health"));
  }

  /** All rows of a list from an address on, page by page. */
  async *pages<Row>(address: string, signal: AbortSignal | null = null): AsyncGenerator<Row[]> {
    for (let next: string | undefined = address; next !== undefined;) {
      const request = new Request(new URL(next, this.url), { headers: this.headers(), signal });
      const response = await this.#fetch(request);
      if (!response.ok) throw await ApiError.of(response, `GET ${new URL(request.url).pathname}`);
      yield (await response.json()) as Row[];
      next = following(response);
    }
  }

  /** All rows of a list: `limit` is the size of a page. */
  async *#list<Row>(first: Promise<{ data?: Row[]; response: Response }>): AsyncGenerator<Row> {
    const page = await first;
    yield* page.data ?? [];
    const next = following(page.response);
    if (next === undefined) return;
    for await (const rows of this.pages<Row>(next)) yield* rows;
  }
}

/** Where the next page is. */
function following(response: Response): string | undefined {
  return /<([^>]*)>;\s*rel="next"/.exec(response.headers.get("Link") ?? "")?.[1];
}

/** What a request has given: one without success has thrown. */
async function data<Data>(answer: Promise<{ data?: Data }>): Promise<NonNullable<Data>> {
  return (await answer).data as NonNullable<Data>;
}

async function nothing(answer: Promise<unknown>): Promise<void> {
  await answer;
}

function key({ idempotencyKey }: Once) {
  return idempotencyKey === undefined ? {} : { header: { "Idempotency-Key": idempotencyKey } };
}

function etag({ ifMatch }: IfMatch) {
  return ifMatch === undefined ? {} : { header: { "If-Match": `"${ifMatch}"` } };
}

function environment(name: string): string | undefined {
  return (globalThis as { process?: { env?: Record<string, string> } }).process?.env?.[name];
}
