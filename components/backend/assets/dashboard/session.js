// One session: its agents as a tree on an axis of time, and one of them in full.

import * as activity from "./activity.js";
import * as api from "./api.js";
import { nameOf } from "./actions.js";
import { mount as mountAgent } from "./agent.js";
import * as definitions from "./definitions.js";
import { h } from "./dom.js";
import * as logFeed from "./log-feed.js";
import * as notify from "./notify.js";
import * as promptList from "./prompts.js";
import { sessionHead } from "./session-head.js";
import * as store from "./store.js";
import { waterfall } from "./waterfall.js";
import * as workflows from "./workflows.js";

/** How many tool calls are marked on the bars. */
const MOST_CALLS = 1000;

export function mount(root, first, id) {
  const agents = new Map();
  /** What happened to each agent, for the marks on its bar. */
  const marks = new Map();
  const marked = new Set();
  const query = new URLSearchParams({ session_id: id });
  const head = sessionHead(id);
  const note = h("p", { class: "note", role: "status", text: "Loading" });
  const tree = waterfall(id, agents, (agent) => marks.get(agent) ?? []);
  const panel = h("section", { class: "agent", "aria-label": "Agent" });
  root.append(head.element, note, h("div", { class: "split" }, tree.element, panel));
  let params = first;
  let shown = null;
  let loaded = false;
  let stats = null;
  let open = true;

  async function load() {
    try {
      const found = [];
      for (let next = `/api/runtime/agents?${query}&limit=1000`; next && open;) {
        const page = await api.page(next);
        found.push(...page.rows);
        next = page.next;
      }
      // Who is gone meanwhile is not listed any more.
      agents.clear();
      for (const row of found) take(row);
    } catch (error) {
      note.textContent = `The agents cannot be read: ${error.message}`;
      return;
    }
    if (!open) return;
    for (const agent of store.all()) if (agent.session_id === id) take(agent);
    loaded = true;
    arrange();
    if (stats) showStats(stats);
  }

  function take(agent) {
    const known = agents.get(agent.id);
    if (known?.version > agent.version || store.isHidden(agent.id)) return;
    agents.set(agent.id, { ...known, ...agent, name: agent.name ?? definitions.nameOf(agent.orchestrator_agent_id) });
  }

  function arrange() {
    note.textContent = agents.size === 0 ? "This session has no agents." : "";
    tree.element.hidden = agents.size === 0;
    tree.arrange();
    choose();
  }

  /** Shows the agent that the address names; one that is gone is said to be, and no other shown in its place. */
  function choose() {
    if (!loaded) return;
    const wanted = params.get("agent");
    const agent = wanted ? agents.get(wanted) : agents.get(tree.first());
    tree.choose(agent?.id ?? null);
    if (shown && shown.id === agent?.id) return shown.route(params);
    shown?.unmount();
    shown = null;
    panel.replaceChildren();
    if (agent) shown = { id: agent.id, ...mountAgent(panel, agent, { params, prompts, gone }) };
    else if (wanted && agents.size > 0)
      panel.append(h("p", { class: "note", text: `There is no agent ${wanted} in this session: it may be deleted.` }));
  }

  function gone(agent) {
    agents.delete(agent);
    arrange();
  }

  function mark(key, agent, at, kind, text) {
    if (marked.has(key)) return;
    marked.add(key);
    if (!marks.has(agent)) marks.set(agent, []);
    marks.get(agent).push({ at: Date.parse(at), kind, text });
  }

  function markCalls(rows) {
    for (const row of rows)
      if (row.log_type === "tool_call" && agents.has(row.agent_id))
        mark(row.id, row.agent_id, row.created_at, "call", row.message);
    tree.draw();
  }

  async function readCalls() {
    try {
      markCalls(await api.get(`/api/runtime/logs?${query}&log_type=tool_call&limit=${MOST_CALLS}`));
    } catch (error) {
      console.debug("tool calls", error);
    }
  }

  function promptsChanged(rows) {
    for (const row of rows) mark(row.id, row.agent_id, row.created_at, "prompt", row.prompt_name ?? row.prompt_type);
    shown?.addPrompts(rows);
    tree.draw();
  }

  function showStats(next) {
    stats = next;
    const starts = [...agents.values()].map((agent) => agent.started_at).filter(Boolean);
    head.showStats(
      stats,
      starts.reduce((a, b) => (a && a < b ? a : b), null),
    );
  }

  function changed(ids, whole) {
    if (whole) {
      load();
      prompts.look();
      return;
    }
    const mine = [];
    let fewer = false;
    for (const key of ids) {
      const agent = store.get(key);
      const known = agents.get(key);
      if (agent ? agent.session_id !== id && !known : !known) continue;
      if (!agent || agent.session_id !== id) {
        // The page forgets agents that have ended long ago; those it shows stay.
        if (!agent && !store.isRemoved(key)) continue;
        agents.delete(key);
        fewer = true;
        if (key === shown?.id && !store.isHidden(key)) notify.done(`${nameOf(known)} is deleted`);
        continue;
      }
      take(agent);
      mine.push(key);
      if (key === shown?.id) shown.update(agents.get(key));
    }
    if (fewer || mine.length > 0) prompts.look();
    if (!loaded) return;
    if (fewer || (mine.length > 0 && tree.element.hidden)) arrange();
    if (mine.length > 0) {
      tree.changed(mine);
      if (!shown) choose();
    }
  }

  function named() {
    for (const agent of agents.values()) if (!agent.name) take({ ...agent });
    if (shown && agents.has(shown.id)) shown.update(agents.get(shown.id));
    tree.changed([]);
  }

  const prompts = promptList.follow(id, promptsChanged, showStats);
  const showWorkflow = () => head.showWorkflow(workflows.get(id));
  const unlisten = [
    store.listen(changed),
    definitions.listen(named),
    workflows.listen(showWorkflow),
    activity.follow(() => tree.draw()),
    logFeed.listen({ entries: markCalls, behind: readCalls }),
  ];
  showWorkflow();
  workflows.find(id);
  load();
  readCalls();
  return {
    route(next) {
      params = next;
      choose();
    },
    tick() {
      tree.tick();
      shown?.tick(store.now());
    },
    unmount() {
      open = false;
      for (const stop of unlisten) stop();
      prompts.unmount();
      tree.unmount();
      shown?.unmount();
    },
  };
}
