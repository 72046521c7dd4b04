// What a session is in a line, its cost by model, and the workflow that it belongs to.

import { h } from "./dom.js";
import { capital, count, exact, money, span, time } from "./format.js";
import { to } from "./route.js";
import { tally } from "./sessions.js";
import * as store from "./store.js";

/** How many pieces a workflow's bar has at most. */
const MOST_PIECES = 30;

/** The head of the session `id`. */
export function sessionHead(id) {
  const facts = h("div", { class: "facts" });
  const models = h(
    "details",
    { class: "models", hidden: true },
    h("summary", { text: "By model" }),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Cost by model" }),
  );
  const flow = h("div", { class: "workflow", hidden: true });
  const link = (text, view, params) => h("a", { class: "button", href: to(view, "", params), text });
  const print = h("button", { type: "button", text: "Print", on: { click: () => window.print() } });
  const element = h(
    "header",
    { class: "head" },
    h(
      "div",
      {},
      h("p", { class: "crumb" }, h("a", { href: "#/sessions", text: "Sessions" })),
      h("h1", { dir: "auto", text: id }),
    ),
    facts,
    h(
      "div",
      { class: "buttons" },
      models,
      link("On the board", "board", { session: id }),
      link("Logs", "logs", { session: id }),
      link("Charts", "charts", { session: id }),
      print,
    ),
    flow,
  );

  /** Statistics of the session: `started` is when its first agent was. */
  function showStats(stats, started) {
    const pairs = [
      started && ["started", time(started)],
      ["tokens", `${count(stats.tokens_input)} in, ${count(stats.tokens_output)} out`],
      ["cost", money(stats.cost_usd)],
    ];
    facts.replaceChildren(
      tally(stats.agents),
      ...pairs
        .filter(Boolean)
        .map(([name, value]) => h("span", {}, h("span", { class: "key", text: name }), ` ${value}`)),
    );
    const rows = stats.prompts.by_model.toSorted((a, b) => b.cost_usd - a.cost_usd);
    models.hidden = rows.length === 0;
    const names = ["Model", "Prompts", "Tokens in", "Tokens out", "Cost"];
    models.lastElementChild.replaceChildren(
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            names.map((text) => h("th", { scope: "col", text })),
          ),
        ),
        h(
          "tbody",
          {},
          rows.map((row) =>
            h(
              "tr",
              {},
              h("th", { scope: "row", text: row.model ?? "not named" }),
              [exact(row.prompts), count(row.tokens_input), count(row.tokens_output), money(row.cost_usd)].map((text) =>
                h("td", { class: "number", text }),
              ),
            ),
          ),
        ),
      ),
    );
  }

  /** The workflow whose id is the session's; null where there is none. */
  function showWorkflow(workflow) {
    flow.hidden = !workflow;
    if (!workflow) return;
    const { status, total_steps: total, completed_steps: done, current_step: step } = workflow;
    const pieces = Math.min(total ?? 0, MOST_PIECES);
    const share = (done / total) * pieces;
    const states = Array.from({ length: pieces }, (_, at) =>
      at < share ? "done" : at < share + 1 && step ? "now" : "",
    );
    const end = workflow.completed_at ? Date.parse(workflow.completed_at) : store.now();
    const took = workflow.started_at && span(end - Date.parse(workflow.started_at));
    flow.dataset.state = status;
    const parts = [
      h("strong", { dir: "auto", text: workflow.adw_name }),
      h("span", { class: "key", text: workflow.workflow_type }),
      h("span", { class: "state", text: capital(status.replace("_", " ")) }),
      pieces > 0 &&
        h(
          "span",
          { class: "steps-bar", "aria-hidden": "true" },
          states.map((state) => h("span", { class: state })),
        ),
      h("span", {
        text: `${done ?? 0} of ${total ?? "?"} steps${step && !workflow.completed_at ? `, now: ${step}` : ""}`,
      }),
      took && h("span", { class: "key", text: took }),
      workflow.error_message &&
        h("span", { class: "fault", text: [workflow.error_step, workflow.error_message].filter(Boolean).join(": ") }),
    ];
    flow.replaceChildren(...parts.filter(Boolean));
  }

  return { element, showStats, showWorkflow };
}
