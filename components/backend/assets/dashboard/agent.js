// One agent in full: what it is, how its status went, its prompts and its newest log entries.

import * as actions from "./actions.js";
import * as api from "./api.js";
import { copied } from "./empty.js";
import { h, icon, setText, svg, throttled } from "./dom.js";
import { count, latency, money, shortId, span, time } from "./format.js";
import { line } from "./entry.js";
import { to } from "./route.js";
import { duration, isFinished, pill } from "./status.js";
import * as store from "./store.js";

const LEAST_PAUSE = 500;
/** How many prompts are shown, and how many once somebody wants more. */
const FIRST_PROMPTS = 50;
const MOST_PROMPTS = 1000;

/** Shows `agent` in `root`; `gone` is called with its id once it is deleted here. */
export function mount(root, agent, gone) {
  const path = `/api/runtime/agents/${encodeURIComponent(agent.id)}`;
  const query = new URLSearchParams({ agent_id: agent.id });
  const age = h("dd");
  const head = h("header");
  const facts = h("dl", { class: "pairs" });
  const error = h("p", { class: "error", hidden: true });
  const history = part("Timeline");
  const prompts = part("Prompts");
  const logs = part("Newest log entries");
  const data = h("div", { class: "data" });
  let open = true;
  let steps = [];
  let most = FIRST_PROMPTS;
  let said = "";
  root.append(head, error, facts, history.element, prompts.element, logs.element, data);

  function showHead() {
    const asked = store.isCancelling(agent.id) || agent.cancel_requested;
    // Buttons that are made anew while somebody presses them are never clicked.
    const now = JSON.stringify([agent.name, agent.status, asked, agent.error_message]);
    if (now === said) return;
    said = now;
    const stop = h("button", {
      type: "button",
      text: asked ? "Asked to stop" : "Request cancel",
      disabled: asked,
      on: { click: () => actions.cancel(agent) },
    });
    const remove = h("button", {
      class: "danger",
      type: "button",
      text: "Delete",
      on: { click: async () => (await actions.remove(agent)) && gone(agent.id) },
    });
    const focused = head.contains(document.activeElement) ? document.activeElement.textContent : null;
    head.replaceChildren(
      h("h2", { text: agent.name ?? "Unnamed" }),
      pill(agent.status),
      h(
        "button",
        { class: "quiet id", type: "button", title: "Copy the id", on: { click: () => copied(agent.id) } },
        shortId(agent.id),
        icon("copy"),
      ),
      h("div", { class: "buttons" }, !isFinished(agent.status) && stop, remove),
    );
    for (const button of head.querySelectorAll("button")) if (focused && button.textContent === focused) button.focus();
    error.hidden = !agent.error_message;
    setText(error, agent.error_message ?? "");
  }

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

  async function load() {
    const all = [
      readAgent(),
      fill(history, `${path}/history`, showHistory),
      fill(prompts, `/api/runtime/prompts?${query}&order=desc&limit=${most}`, showPrompts),
      fill(logs, `/api/runtime/logs?${query}&limit=20`, showLogs),
    ];
    await Promise.all(all);
  }

  async function readAgent() {
    try {
      agent = { ...agent, ...(await api.get(path)) };
      if (!open) return;
      showHead();
      showFacts();
      const known = ["context", "config", "metadata"].filter(
        (name) => agent[name] !== null && agent[name] !== undefined,
      );
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
    } catch (problem) {
      if (!open) return;
      error.hidden = false;
      setText(error, problem.status === 404 ? "This agent is deleted." : `Cannot be read: ${problem.message}`);
      said = "";
    }
  }

  async function fill(into, from, show) {
    try {
      const rows = await api.get(from);
      const text = JSON.stringify(rows);
      // What is open or being pressed stays, where there is nothing new.
      if (open && text !== into.text) show(rows);
      into.text = text;
    } catch (problem) {
      into.text = "";
      into.body.replaceChildren(h("p", { class: "note", text: `Cannot be read: ${problem.message}` }));
    }
  }

  function showHistory(rows) {
    steps = rows;
    history.body.replaceChildren(rows.length === 0 ? nothing("No change of status is known.") : timeline(rows, agent));
  }

  function showPrompts(rows) {
    const opened = new Set([...prompts.body.querySelectorAll("details[open]")].map((details) => details.dataset.id));
    const more = h("button", { class: "more", type: "button", text: "Show older", on: { click: showMore } });
    const shown = rows.map((row) => prompt(row, opened.has(row.id)));
    prompts.body.replaceChildren(
      ...(rows.length === 0 ? [nothing("None yet.")] : shown),
      ...(rows.length === most && most < MOST_PROMPTS ? [more] : []),
    );
  }

  function showMore() {
    most = MOST_PROMPTS;
    prompts.text = "";
    load();
  }

  function showLogs(rows) {
    const more = h("a", { href: to("logs", "", { agent: agent.id }), text: "All log entries" });
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

  function tick(now) {
    setText(age, span(duration(agent, now)));
    if (steps.length > 0 && !isFinished(agent.status)) history.body.replaceChildren(timeline(steps, agent));
  }

  const reload = throttled(load, LEAST_PAUSE);
  showHead();
  showFacts();
  load();
  return {
    update(next) {
      agent = { ...agent, ...next };
      showHead();
      showFacts();
      if (steps.length > 0 && steps.at(-1).status !== agent.status)
        showHistory([...steps, { status: agent.status, at: agent.updated_at }]);
      reload();
    },
    tick,
    unmount() {
      open = false;
      reload.stop();
    },
  };
}

function part(title) {
  const body = h("div");
  return { body, text: "", element: h("section", {}, h("h3", { text: title }), body) };
}

function nothing(text) {
  return h("p", { class: "note", text });
}

/** The statuses one after the other: a bar to scale, and the same in words. */
function timeline(steps, agent) {
  const end = agent.completed_at ? Date.parse(agent.completed_at) : store.now();
  const starts = steps.map((step) => Date.parse(step.at));
  const lasts = steps.map((_, index) => Math.max(0, (starts[index + 1] ?? end) - starts[index]));
  // The last status of a finished agent lasts for ever.
  if (isFinished(agent.status)) lasts[lasts.length - 1] = 0;
  const whole = Math.max(
    1,
    lasts.reduce((sum, last) => sum + last, 0),
  );
  let x = 0;
  const bars = steps.map((step, index) => {
    const width = (lasts[index] / whole) * 100;
    const bar = svg("rect", { x, y: 0, width, height: 10, class: "bar", "data-status": step.status });
    x += width;
    return bar;
  });
  const picture = svg(
    "svg",
    { class: "timeline", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    bars,
  );
  const words = steps.map((step, index) => {
    const last = index === steps.length - 1 && isFinished(step.status) ? "" : span(lasts[index]);
    return h(
      "li",
      {},
      h("time", { datetime: step.at, text: time(step.at) }),
      pill(step.status),
      h("span", { class: "age", text: last }),
    );
  });
  // Where no status lasted, there is nothing to draw to scale.
  return h("div", {}, whole > 1 && picture, h("ol", { class: "steps" }, words));
}

function prompt(row, open) {
  const facts = [
    row.model_used,
    `${count(row.tokens_input)} → ${count(row.tokens_output)}`,
    money(row.cost_usd),
    row.latency_ms !== null && latency(row.latency_ms),
  ];
  const summary = h(
    "summary",
    {},
    h("span", { class: "kind", text: row.prompt_type }),
    h("span", { class: "name", text: row.prompt_name ?? row.prompt_text }),
    h("span", { class: "state", data: { state: row.status }, text: row.status }),
    facts.filter(Boolean).map((text) => h("span", { class: "fact", text })),
  );
  return h(
    "details",
    { class: "prompt", data: { id: row.id }, open },
    summary,
    h("h4", { text: "Prompt" }),
    h("pre", { text: row.prompt_text }),
    row.response_text && [h("h4", { text: "Response" }), h("pre", { text: row.response_text })],
    row.error_message && h("p", { class: "error", text: row.error_message }),
  );
}
