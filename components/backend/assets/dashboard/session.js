// One session: its agents as a tree, and one of them in full.

import * as api from "./api.js";
import { nameOf } from "./actions.js";
import { mount as mountAgent } from "./agent.js";
import { h, icon, setText, throttled } from "./dom.js";
import { count, money, shortId, span, time } from "./format.js";
import * as notify from "./notify.js";
import { to } from "./route.js";
import { tally } from "./sessions.js";
import { duration } from "./status.js";
import * as store from "./store.js";

const LEAST_PAUSE = 1000;

export function mount(root, params, id) {
  const agents = new Map();
  const nodes = new Map();
  const facts = h("div", { class: "facts" });
  const note = h("p", { class: "note", role: "status", text: "Loading" });
  const tree = h("ul", { class: "tree" });
  const panel = h("section", { class: "agent", "aria-label": "Agent" });
  const logs = h("a", { class: "button", href: to("logs", "", { session: id }), text: "Logs" });
  const board = h("a", { class: "button", href: to("board", "", { session: id }), text: "On the board" });
  const title = h(
    "div",
    {},
    h("p", { class: "crumb" }, h("a", { href: "#/sessions", text: "Sessions" })),
    h("h1", { text: id }),
  );
  root.append(
    h("header", { class: "head" }, title, facts, h("div", { class: "buttons" }, board, logs)),
    h(
      "div",
      { class: "split" },
      h("nav", { "aria-label": "Agents of the session" }, h("h2", { text: "Agents" }), note, tree),
      panel,
    ),
  );
  let chosen = params.get("agent");
  let shown = null;

  async function load() {
    try {
      const query = new URLSearchParams({ session_id: id, limit: "1000" });
      const [rows, definitions] = await Promise.all([
        api.get(`/api/runtime/agents?${query}`),
        api.get("/api/agents?limit=1000"),
      ]);
      // Who is gone meanwhile is not listed any more.
      agents.clear();
      const names = new Map(definitions.map((definition) => [definition.id, definition.name]));
      for (const row of rows) take({ ...row, name: names.get(row.orchestrator_agent_id) ?? null });
    } catch (error) {
      note.textContent = `The agents cannot be read: ${error.message}`;
      return;
    }
    for (const agent of store.all()) if (agent.session_id === id) take(agent);
    note.textContent = agents.size === 0 ? "This session has no agents." : "";
    draw();
    summarize();
  }

  async function summarize() {
    try {
      const session = await api.get(`/api/runtime/sessions/${encodeURIComponent(id)}`);
      const pairs = [
        ["started", time(session.started_at)],
        ["tokens", `${count(session.tokens_input)} in, ${count(session.tokens_output)} out`],
        ["cost", money(session.cost_usd)],
      ];
      facts.replaceChildren(
        tally(session.agents),
        ...pairs.map(([name, value]) => h("span", {}, h("span", { class: "key", text: name }), ` ${value}`)),
      );
    } catch (error) {
      facts.replaceChildren(h("span", { class: "note", text: `No summary: ${error.message}` }));
    }
  }

  function take(agent) {
    agents.set(agent.id, { ...agents.get(agent.id), ...agent });
  }

  /** Draws the whole tree: sessions are small, and this happens when an agent comes or goes. */
  function draw() {
    nodes.clear();
    const children = Map.groupBy(agents.values(), (agent) =>
      agents.has(agent.parent_agent_id) ? agent.parent_agent_id : null,
    );
    const drawn = new Set();
    const branch = (parent) =>
      (children.get(parent) ?? [])
        .sort((a, b) => a.started_at.localeCompare(b.started_at))
        .map((agent) => {
          drawn.add(agent.id);
          const node = new Node(agent, id);
          nodes.set(agent.id, node);
          const below = branch(agent.id);
          if (below.length > 0) node.element.append(h("ul", {}, below));
          return node.element;
        });
    const roots = branch(null);
    // Agents that are one another's parents hang on nothing.
    for (const agent of agents.values()) if (!drawn.has(agent.id)) roots.push(lone(agent));
    const focused = document.activeElement?.closest?.(".tree") && document.activeElement.dataset.id;
    tree.replaceChildren(...roots);
    if (focused) nodes.get(focused)?.link.focus();
    choose(chosen);
  }

  function lone(agent) {
    const node = new Node(agent, id);
    nodes.set(agent.id, node);
    return node.element;
  }

  function choose(wanted) {
    chosen = wanted;
    const agent = agents.get(wanted) ?? agents.get(tree.querySelector("a")?.dataset.id);
    for (const [known, node] of nodes) node.mark(known === agent?.id);
    if (shown?.id === agent?.id) return;
    shown?.unmount();
    panel.replaceChildren();
    shown = agent ? { id: agent.id, ...mountAgent(panel, agent, gone) } : null;
  }

  function gone(agent) {
    agents.delete(agent);
    draw();
  }

  const summary = throttled(summarize, LEAST_PAUSE);
  const reload = throttled(load, LEAST_PAUSE);
  const unlisten = store.listen((changed, whole) => {
    if (whole) return reload();
    let structure = false;
    let touched = false;
    for (const key of changed) {
      const agent = store.get(key);
      const known = agents.get(key);
      if (agent ? agent.session_id !== id : !known) continue;
      touched = true;
      if (!agent) {
        agents.delete(key);
        structure = true;
        if (key === shown?.id) notify.done(`${nameOf(known)} is deleted`);
        continue;
      }
      take(agent);
      structure ||= known?.parent_agent_id !== agent.parent_agent_id;
      nodes.get(key)?.update(agents.get(key));
      if (key === shown?.id) shown.update(agents.get(key));
    }
    if (structure) draw();
    if (touched) summary();
  });
  load();
  return {
    route(next) {
      choose(next.get("agent"));
    },
    tick() {
      const now = store.now();
      for (const node of nodes.values()) node.tick(now);
      shown?.tick(now);
    },
    unmount() {
      unlisten();
      summary.stop();
      reload.stop();
      shown?.unmount();
    },
  };
}

/** An agent in the tree. */
class Node {
  #agent;
  #name = h("span", { class: "name" });
  #age = h("span", { class: "age" });
  #mark = h("span", { class: "mark" });

  constructor(agent, session) {
    const href = to("sessions", session, { agent: agent.id });
    this.link = h(
      "a",
      { href, data: { id: agent.id } },
      this.#mark,
      this.#name,
      h("span", { class: "id", text: shortId(agent.id) }),
      this.#age,
    );
    this.element = h("li", {}, this.link);
    this.update(agent);
  }

  update(agent) {
    if (agent.status !== this.#agent?.status) {
      this.link.dataset.status = agent.status;
      this.#mark.replaceChildren(icon(agent.status), h("span", { class: "hidden", text: agent.status }));
    }
    this.#agent = agent;
    setText(this.#name, agent.name ?? "Unnamed");
    this.tick(store.now());
  }

  mark(chosen) {
    if (chosen) this.link.setAttribute("aria-current", "true");
    else this.link.removeAttribute("aria-current");
  }

  tick(now) {
    setText(this.#age, span(duration(this.#agent, now)));
  }
}
