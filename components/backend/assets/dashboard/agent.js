// One agent in full: what it is, how its status went, its prompts and its newest log entries.

import * as api from "./api.js";
import { agentHead } from "./agent-head.js";
import { logsPart } from "./agent-logs.js";
import { promptsPart } from "./agent-prompts.js";
import { timelinePart } from "./agent-timeline.js";
import { h, setText, throttled } from "./dom.js";
import { count, money, shortId, span, time } from "./format.js";
import { to } from "./route.js";
import { duration, isFinished } from "./status.js";
import * as store from "./store.js";

const LEAST_PAUSE = 500;

/** Shows `agent` in `root`; `gone` is called with its id once it is deleted here. */
export function mount(root, agent, gone) {
  const path = `/api/runtime/agents/${encodeURIComponent(agent.id)}`;
  const age = h("dd");
  const head = agentHead(gone);
  const facts = h("dl", { class: "pairs" });
  const timeline = timelinePart(`${path}/history`, () => agent);
  const parts = [timeline, promptsPart(agent.id, load), logsPart(agent.id)];
  const data = h("div", { class: "data" });
  let open = true;
  root.append(head.element, head.error, facts, ...parts.map((part) => part.element), data);

  function showFacts() {
    const pairs = [
      ["Started", h("dd", { text: time(agent.started_at) })],
      [isFinished(agent.status) ? "Took" : "Age", age],
      ["Cost", h("dd", { text: money(agent.cost_usd) })],
      "tokens_input" in agent && [
        "Tokens",
        h("dd", { text: `${count(agent.tokens_input)} in, ${count(agent.tokens_output)} out` }),
      ],
      agent.heartbeat_at && [
        "Heartbeat",
        h("dd", { text: `${time(agent.heartbeat_at)}, every ${agent.lease_seconds} s` }),
      ],
      agent.parent_agent_id && [
        "Started by",
        h(
          "dd",
          {},
          h("a", {
            href: to("sessions", agent.session_id, { agent: agent.parent_agent_id }),
            text: shortId(agent.parent_agent_id),
          }),
        ),
      ],
    ];
    facts.replaceChildren(
      ...pairs.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", { text: name }), value)),
    );
    tick(store.now());
  }

  function showData() {
    const known = ["context", "config", "metadata"].filter((name) => agent[name] !== null && agent[name] !== undefined);
    const opened = new Set([...data.querySelectorAll("details[open]")].map((details) => details.dataset.name));
    data.replaceChildren(
      ...known.map((name) =>
        h(
          "details",
          { data: { name }, open: opened.has(name) },
          h("summary", { text: name }),
          h("pre", { text: JSON.stringify(agent[name], null, 2) }),
        ),
      ),
    );
  }

  async function load() {
    await Promise.all([readAgent(), ...parts.map((part) => part.load())]);
  }

  async function readAgent() {
    try {
      agent = { ...agent, ...(await api.get(path)) };
      if (!open) return;
      head.show(agent);
      showFacts();
      showData();
    } catch (problem) {
      if (!open) return;
      head.fail(problem.status === 404 ? "This agent is deleted." : `Cannot be read: ${problem.message}`);
    }
  }

  function tick(now) {
    setText(age, span(duration(agent, now)));
    timeline.tick();
  }

  const reload = throttled(load, LEAST_PAUSE);
  head.show(agent);
  showFacts();
  load();
  return {
    update(next) {
      agent = { ...agent, ...next };
      head.show(agent);
      showFacts();
      timeline.update();
      reload();
    },
    tick,
    unmount() {
      open = false;
      for (const part of parts) part.close();
      reload.stop();
    },
  };
}
