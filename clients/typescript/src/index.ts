export type { components, operations, paths } from "./api.js";
export { OrchestratorClient, type ClientOptions, type IfMatch, type Once, type Schemas } from "./client.js";
export { ApiError } from "./errors.js";
export { AgentFeed, type FeedOptions, type Position, type Transport } from "./feed.js";
export type * from "./frames.js";
