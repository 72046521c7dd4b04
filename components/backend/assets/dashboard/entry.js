// A line of a log.

import { h, setText } from "./dom.js";
import { shortId, time } from "./format.js";
import { to } from "./route.js";
import * as store from "./store.js";

/** Says who wrote a line: the agent's name, once the board knows of it. */
export function introduce(link) {
  const id = link.dataset.agent;
  const agent = store.get(id);
  setText(link, agent?.name ? `${agent.name} ${shortId(id)}` : shortId(id));
  link.href = agent ? to("sessions", agent.session_id, { agent: id }) : to("logs", "", { agent: id });
}

/** `linked`: with the agent that wrote it. */
export function line(entry, linked = false) {
  const who = linked && h("a", { class: "who", data: { agent: entry.agent_id }, title: `Agent ${entry.agent_id}` });
  if (linked) introduce(who);
  const details =
    entry.details !== null &&
    h("details", {}, h("summary", { text: "details" }), h("pre", { text: JSON.stringify(entry.details, null, 2) }));
  return h(
    "li",
    { class: "entry", data: { level: entry.log_level } },
    h("time", { datetime: entry.created_at, text: time(entry.created_at) }),
    h("span", { class: "level", text: entry.log_level }),
    who,
    h("span", { class: "kind", text: entry.log_type }),
    h("span", { class: "message", text: entry.message }),
    details,
  );
}
