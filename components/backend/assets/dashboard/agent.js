// One agent in full: what it is, its conversation, its log, and how its status went.

import * as api from "./api.js";
import { about } from "./about.js";
import { detailsPart } from "./agent-details.js";
import { agentHead } from "./agent-head.js";
import { logsPart } from "./agent-logs.js";
import { conversation } from "./conversation.js";
import { h, setText } from "./dom.js";
import { count, money, span } from "./format.js";
import { change } from "./route.js";
import { duration, isFinished } from "./status.js";
import * as store from "./store.js";

/** How often is asked when the last heartbeat was, in milliseconds. */
const HEARTBEATS = 5000;
const TABS = { talk: "Conversation", log: "Log", details: "Details" };

/** Shows `agent` in `root`. `prompts` follows those of its session; `gone` is called with its id once it is deleted. */
export function mount(root, agent, { params, prompts, gone }) {
  const path = `/api/runtime/agents/${encodeURIComponent(agent.id)}`;
  const head = agentHead(gone);
  const subject = h("p", { class: "about", dir: "auto" });
  const facts = h("p", { class: "facts" });
  const age = h("span");
  const parts = {
    talk: conversation(agent, prompts, params.get("prompt")),
    log: logsPart(agent.id),
    details: detailsPart(path, agent),
  };
  const tabs = new Map(
    Object.entries(TABS).map(([name, text]) => {
      const element = h("button", {
        type: "button",
        role: "tab",
        id: `tab-${name}`,
        "aria-controls": `part-${name}`,
        text,
        on: { click: () => change({ tab: name === "talk" ? "" : name }), keydown: arrows },
      });
      return [name, element];
    }),
  );
  const panels = new Map(
    Object.entries(parts).map(([name, { element }]) => [
      name,
      h(
        "div",
        { class: `part ${name}`, role: "tabpanel", id: `part-${name}`, "aria-labelledby": `tab-${name}` },
        element,
      ),
    ]),
  );
  let open = true;
  /** When the agent was read last. */
  let read = 0;
  root.append(
    head.element,
    head.error,
    subject,
    facts,
    h("div", { class: "tabs", role: "tablist", "aria-label": "Parts" }, [...tabs.values()]),
    ...panels.values(),
  );

  function show() {
    head.show(agent);
    const text = about(agent);
    setText(subject, text);
    subject.hidden = text === "";
    const tokens = agent.tokens_input || agent.tokens_output;
    facts.replaceChildren(
      h("span", {}, isFinished(agent.status) ? "took " : "since ", age),
      h("span", { text: money(agent.cost_usd) }),
      tokens ? h("span", { text: `${count(agent.tokens_input)} → ${count(agent.tokens_output)} tokens` }) : "",
    );
    parts.details.update(agent);
    parts.talk.update(agent);
    tick(store.now());
  }

  /** What the feed does not tell: when the last heartbeat was. */
  async function readAgent() {
    read = store.now();
    try {
      agent = { ...agent, ...(await api.get(path)), name: agent.name };
      if (open) show();
    } catch (problem) {
      if (open) head.fail(problem.status === 404 ? "This agent is deleted." : `Cannot be read: ${problem.message}`);
    }
  }

  function route(next) {
    const wanted = next.get("tab") in TABS ? next.get("tab") : "talk";
    for (const [name, tab] of tabs) {
      tab.setAttribute("aria-selected", String(name === wanted));
      tab.tabIndex = name === wanted ? 0 : -1;
      panels.get(name).hidden = name !== wanted;
    }
    parts[wanted].shown?.();
    if (next.get("prompt") && next.get("prompt") !== params.get("prompt")) parts.talk.showPrompt(next.get("prompt"));
    params = next;
  }

  function arrows(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const all = [...tabs.values()];
    const next = all[(all.indexOf(event.currentTarget) + step + all.length) % all.length];
    next.focus();
    next.click();
  }

  function tick(now) {
    const beats = agent.heartbeat_at && !isFinished(agent.status) && !panels.get("details").hidden;
    if (beats && now - read > HEARTBEATS) readAgent();
    setText(age, span(duration(agent, now)));
    parts.details.tick(now);
  }

  show();
  route(params);
  readAgent();
  parts.details.load();
  return {
    update(next) {
      const { status } = agent;
      agent = { ...agent, ...next };
      show();
      if (agent.status !== status) parts.details.load();
    },
    addPrompts: parts.talk.addPrompts,
    route,
    tick,
    unmount() {
      open = false;
      for (const part of Object.values(parts)) part.close();
    },
  };
}
