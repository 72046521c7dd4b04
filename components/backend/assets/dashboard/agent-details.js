// The part of an agent's panel that says what it is: facts, how its status went, and what the writer keeps with it.

import * as api from "./api.js";
import { h, setText } from "./dom.js";
import { count, money, shortId, span, time } from "./format.js";
import { to } from "./route.js";
import { duration, isFinished } from "./status.js";
import * as store from "./store.js";
import { timeline } from "./timeline.js";

/** `path` is that of the agent. */
export function detailsPart(path, first) {
  let agent = first;
  let steps = [];
  let said = "";
  let open = true;
  const age = h("dd");
  const beat = h("dd");
  const facts = h("dl", { class: "pairs" });
  const history = h("div", {}, h("p", { class: "note", text: "Loading" }));
  const data = h("div", { class: "data" });
  const element = h("div", { class: "details" }, facts, h("section", {}, h("h3", { text: "Timeline" }), history), data);

  async function load() {
    try {
      const rows = await api.get(`${path}/history`);
      if (!open) return;
      steps = rows;
      drawTimeline();
    } catch (problem) {
      if (open) history.replaceChildren(h("p", { class: "note", text: `Cannot be read: ${problem.message}` }));
    }
  }

  function drawTimeline() {
    history.replaceChildren(
      steps.length === 0 ? h("p", { class: "note", text: "No change of status is known." }) : timeline(steps, agent),
    );
  }

  function update(next) {
    agent = next;
    // The status is another, before the history is read again.
    if (steps.length > 0 && steps.at(-1).status !== agent.status) {
      steps = [...steps, { status: agent.status, at: agent.updated_at }];
      drawTimeline();
    }
    const parent = agent.parent_agent_id;
    const pairs = [
      ["Id", h("dd", { class: "id", text: agent.id })],
      ["Started", h("dd", { text: time(agent.started_at) })],
      [isFinished(agent.status) ? "Took" : "Age", age],
      ["Cost", h("dd", { text: money(agent.cost_usd) })],
      ["Tokens", h("dd", { text: `${count(agent.tokens_input)} in, ${count(agent.tokens_output)} out` })],
      agent.heartbeat_at && ["Heartbeat", beat],
      parent && [
        "Started by",
        h("dd", {}, h("a", { href: to("sessions", agent.session_id, { agent: parent }), text: shortId(parent) })),
      ],
    ];
    facts.replaceChildren(
      ...pairs.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", { text: name }), value)),
    );
    tick(store.now());
    const kept = ["context", "config", "metadata"].filter((name) => agent[name] !== null && agent[name] !== undefined);
    const now = JSON.stringify(kept.map((name) => agent[name]));
    if (now === said) return;
    said = now;
    data.replaceChildren(
      ...kept.map((name) =>
        h(
          "details",
          { data: { name }, open: name === "context" },
          h("summary", { text: name }),
          h("pre", { tabindex: "0", text: JSON.stringify(agent[name], null, 2) }),
        ),
      ),
    );
  }

  function tick(now) {
    setText(age, span(duration(agent, now)));
    if (agent.heartbeat_at)
      setText(beat, `${span(now - Date.parse(agent.heartbeat_at))} ago, at least every ${agent.lease_seconds} s`);
    if (steps.length > 0 && !isFinished(agent.status) && element.offsetParent) drawTimeline();
  }

  return {
    element,
    load,
    update,
    tick,
    close() {
      open = false;
    },
  };
}
