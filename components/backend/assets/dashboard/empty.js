// What the board shows before there is an agent: three commands that make one come, and go.

import { currentToken } from "./api.js";
import { copied } from "./clipboard.js";
import { h, icon } from "./dom.js";
import * as store from "./store.js";

/** It stays until an agent works: the last command is for the agent that the one before it has started. */
export function emptyState() {
  const steps = commands().map(([title, command]) => {
    const copy = h(
      "button",
      { class: "quiet copy", type: "button", on: { click: () => copied(command) } },
      icon("copy"),
      "Copy",
    );
    copy.setAttribute("aria-label", `Copy: ${title}`);
    return h(
      "li",
      {},
      h("div", { class: "row" }, h("h3", { text: title }), copy),
      h("pre", { tabindex: "0" }, h("code", { text: command })),
    );
  });
  const intro =
    "Agents appear here as soon as somebody starts one. Run these in a shell, one after the other, and watch:";
  const element = h(
    "section",
    { class: "empty", "aria-labelledby": "empty-title", hidden: true },
    h("h2", { id: "empty-title", text: "No agents yet" }),
    h("p", { text: intro }),
    h("ol", {}, steps),
  );

  function show(none) {
    const works = () => [...store.all()].some((agent) => agent.status !== "initializing");
    element.hidden = !none && (element.hidden || works());
  }

  return { element, show };
}

function commands() {
  const origin = location.origin;
  const token = currentToken() ? ' -H "Authorization: Bearer $API_TOKEN"' : "";
  const json = `${token} -H 'Content-Type: application/json'`;
  const id = '| grep -o \'"id":"[^"]*\' | head -n 1 | cut -d\'"\' -f4)';
  return [
    [
      "Define an agent",
      // There may be one of this name already.
      `curl -s ${origin}/api/agents${json} \\\n  -d '{"name": "Planner", "agent_type": "planner"}'\n` +
        `D=$(curl -s '${origin}/api/agents?q=Planner'${token} ${id}`,
    ],
    [
      "Start it",
      `A=$(curl -s ${origin}/api/runtime/agents${json} \\\n  -d "{\\"orchestrator_agent_id\\": \\"$D\\", \\"session_id\\": \\"demo\\"}" ${id}`,
    ],
    [
      "Let it work",
      `curl -s -X PATCH ${origin}/api/runtime/agents/$A${json} \\\n  -d '{"status": "executing", "cost_usd": 0.02}'`,
    ],
  ];
}
