// A line of a log.

import { h, setText } from "./dom.js";
import { shortId, time } from "./format.js";
import { to } from "./route.js";
import * as store from "./store.js";

/** How much is shown around an entry, in milliseconds. */
const AROUND = 60_000;

/** Says who wrote a line: the agent's name, once the board knows of it. */
export function introduce(link) {
  const id = link.dataset.agent;
  const agent = store.get(id);
  setText(link, agent?.name ? `${agent.name} ${shortId(id)}` : shortId(id));
  link.href = agent ? to("sessions", agent.session_id, { agent: id }) : to("logs", "", { agent: id });
  link.classList.toggle("unknown", !agent?.name);
  if (!agent) Promise.resolve(store.find(id)).catch((error) => console.debug("agent", error));
}

/** `linked`: with the agent that wrote it; `text`: what is marked in the message; `link`: to what happened around it. */
export function line(entry, { linked = false, text = "", link = true } = {}) {
  const who = linked && h("a", { class: "who", data: { agent: entry.agent_id }, title: `Agent ${entry.agent_id}` });
  if (linked) introduce(who);
  const details =
    entry.details !== null &&
    h("details", {}, h("summary", { text: "details" }), h("pre", { text: JSON.stringify(entry.details, null, 2) }));
  const at = h("time", { datetime: entry.created_at, text: time(entry.created_at) });
  return h(
    "li",
    { class: "entry", data: { level: entry.log_level, id: entry.id } },
    link ? h("a", { class: "when", href: around(entry), title: "What happened around it" }, at) : at,
    h("span", { class: "level", text: entry.log_level }),
    who,
    h("span", { class: "kind", text: entry.log_type }),
    h("span", { class: "message", dir: "auto" }, marked(entry.message, text)),
    details,
  );
}

/** The address of what happened around an entry. */
export function around({ id, created_at: at }) {
  const shifted = (milliseconds) => new Date(Date.parse(at) + milliseconds).toISOString();
  if (Number.isNaN(Date.parse(at))) return to("logs");
  return to("logs", "", { since: shifted(-AROUND), until: shifted(AROUND), entry: String(id) });
}

/** `message` with each place where `text` is in it marked. */
function marked(message, text) {
  if (!text) return [message];
  const [low, wanted] = [message.toLowerCase(), text.toLowerCase()];
  // Some letters have another length in lower case.
  if (low.length !== message.length) return [message];
  const parts = [];
  let at = 0;
  for (let found; (found = low.indexOf(wanted, at)) >= 0; at = found + wanted.length)
    parts.push(message.slice(at, found), h("mark", { text: message.slice(found, found + wanted.length) }));
  return [...parts, message.slice(at)];
}
