// The part of an agent's panel with its newest log entries, as they come.

import * as api from "./api.js";
import { h } from "./dom.js";
import { line } from "./entry.js";
import * as logFeed from "./log-feed.js";
import { to } from "./route.js";

const SHOWN = 100;

/** The log entries of the agent `id`. */
export function logsPart(id) {
  const path = `/api/runtime/logs?${new URLSearchParams({ agent_id: id, limit: String(SHOWN) })}`;
  const list = h("ol", { class: "entries" });
  const note = h("p", { class: "note", text: "Loading" });
  const links = h(
    "p",
    { class: "row" },
    h("a", { href: to("logs", "", { agent: id }), text: "All log entries" }),
    h("a", { href: to("logs", "", { agent: id, level: "ERROR" }), text: "Only errors" }),
  );
  let newest = 0;
  let loaded = false;
  let open = true;

  async function read() {
    try {
      const rows = await api.get(path);
      loaded = true;
      if (open) take(rows);
    } catch (problem) {
      if (open) note.textContent = `Cannot be read: ${problem.message}`;
    }
  }

  /** The newest first. */
  function take(rows) {
    const fresh = rows.filter((row) => row.id > newest && row.agent_id === id);
    newest = fresh[0]?.id ?? newest;
    list.prepend(...fresh.slice(0, SHOWN).map((row) => line(row)));
    while (list.childElementCount > SHOWN) list.lastElementChild.remove();
    note.textContent = list.childElementCount === 0 ? "None yet." : "";
  }

  const unlisten = logFeed.listen({ entries: (rows) => loaded && take(rows.toReversed()), behind: read });
  read();
  return {
    element: h("div", {}, links, note, list),
    close() {
      open = false;
      unlisten();
    },
  };
}
