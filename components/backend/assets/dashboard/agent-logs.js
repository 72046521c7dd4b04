// The part of an agent's panel with its newest log entries.

import { nothing, part } from "./agent-part.js";
import { h } from "./dom.js";
import { line } from "./entry.js";
import { to } from "./route.js";

/** The log entries of the agent `id`. */
export function logsPart(id) {
  const query = new URLSearchParams({ agent_id: id });
  const logs = part("Newest log entries", () => `/api/runtime/logs?${query}&limit=20`, show);

  function show(rows) {
    const more = h("a", { href: to("logs", "", { agent: id }), text: "All log entries" });
    logs.body.replaceChildren(
      ...(rows.length === 0
        ? [nothing("None yet.")]
        : [
            h(
              "ol",
              { class: "entries" },
              rows.map((row) => line(row)),
            ),
            more,
          ]),
    );
  }

  return logs;
}
