// The frames of the live feed, as docs/feed.md of the server has them.

import type { components } from "./api.js";

type Schemas = components["schemas"];

/** A running agent, with the name of its definition. */
export type FeedAgent = Schemas["RuntimeAgent"] & { name: string };

/** What all frames with rows have but those of the log. */
interface Changes {
  timestamp: string;
  seq?: number;
  /** Whether these rows are all that there are, and those before void. */
  snapshot?: true;
  /** The ids of rows that are gone, or that the filter lets through no more. */
  removed: string[];
}

export type AgentUpdate = { type: "agent_update"; data: Changes & { agents: FeedAgent[] } };
export type WorkflowUpdate = { type: "workflow_update"; data: Changes & { workflows: Schemas["Workflow"][] } };
export type MessageUpdate = { type: "message"; data: Changes & { messages: Schemas["Message"][] } };
export type DefinitionUpdate = { type: "definition_update"; data: Changes & { definitions: Schemas["Definition"][] } };
export type Log = { type: "log"; data: { entries: Schemas["LogEntry"][]; timestamp: string; log_id: number } };
/** What came before is void; snapshots follow. */
export type Resync = { type: "resync"; data: { reason: string } };

export type Frame = AgentUpdate | WorkflowUpdate | MessageUpdate | DefinitionUpdate | Log | Resync;
export type Included = "workflows" | "messages" | "logs" | "definitions";
