// The part of an agent's panel with its prompts, the newest first.

import { nothing, part } from "./agent-part.js";
import { h } from "./dom.js";
import { count, latency, money } from "./format.js";

/** How many prompts are shown, and how many once somebody wants more. */
const FIRST_PROMPTS = 50;
const MOST_PROMPTS = 1000;

/** The prompts of the agent `id`; `reload` reads the panel again. */
export function promptsPart(id, reload) {
  const query = new URLSearchParams({ agent_id: id });
  let most = FIRST_PROMPTS;
  const prompts = part("Prompts", () => `/api/runtime/prompts?${query}&order=desc&limit=${most}`, show);

  function show(rows) {
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
    prompts.forget();
    reload();
  }

  return prompts;
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
