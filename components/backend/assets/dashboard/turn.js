// What a conversation is made of, one node each: a prompt with its response, a message, a call of a tool.

import { copyButton } from "./clipboard.js";
import { h, icon } from "./dom.js";
import { capital, count, latency, money, time } from "./format.js";
import * as messages from "./messages.js";
import { answerForm, asked, plain } from "./question.js";
import { to } from "./route.js";
import { textBlock } from "./text-block.js";

const SENDERS = { user: "You", orchestrator: "Orchestrator" };

/** A prompt to a model. It is updated in place, so that what is being read stays. */
export function promptTurn(row, session) {
  const state = h("span", { class: "state" });
  const facts = h("span", { class: "facts" });
  const answer = h("div", { class: "response" });
  const link = h(
    "a",
    {
      class: "when",
      href: to("sessions", session, { agent: row.agent_id, prompt: row.id }),
      title: "Link to this prompt",
    },
    h("time", { datetime: row.created_at, text: time(row.created_at) }),
  );
  const head = h(
    "header",
    {},
    h("span", { class: "kind", text: capital(row.prompt_type) }),
    row.prompt_name && h("span", { class: "name", dir: "auto", text: row.prompt_name }),
    link,
    state,
    facts,
    copyButton("Copy the prompt", () => row.prompt_text),
  );
  const element = h("article", { class: "turn prompt", "data-id": row.id }, head, textBlock(row.prompt_text), answer);
  let said = null;

  function update(next) {
    row = next;
    state.textContent = row.status === "completed" ? "" : row.status;
    state.dataset.state = row.status;
    const numbers = [
      row.model_used,
      row.tokens_input || row.tokens_output ? `${count(row.tokens_input)} → ${count(row.tokens_output)}` : null,
      row.cost_usd ? money(row.cost_usd) : null,
      row.latency_ms === null ? null : latency(row.latency_ms),
    ];
    facts.replaceChildren(...numbers.filter(Boolean).map((text) => h("span", { class: "fact", text })));
    const now = JSON.stringify([row.response_text, row.error_message]);
    if (now === said) return;
    said = now;
    answer.replaceChildren();
    if (row.response_text)
      answer.append(
        h(
          "header",
          {},
          h("span", { class: "kind", text: "Response" }),
          copyButton("Copy the response", () => row.response_text),
        ),
        textBlock(row.response_text),
      );
    if (row.error_message) answer.append(h("p", { class: "error", text: row.error_message }));
  }

  update(row);
  return { element, at: Date.parse(row.created_at), update };
}

/** A message; a question has its options, until somebody has answered it. `name()` is that of the agent. */
export function messageTurn(row, name) {
  const element = h("article", { class: "turn message", data: { id: row.id, sender: row.sender_type } });
  let said = null;

  function update(next) {
    row = next;
    const open = messages.isQuestion(row) && !messages.isAnswered(row);
    const now = JSON.stringify([open, row.delivered_at, row.message, name()]);
    if (now === said) return;
    said = now;
    const delivery = row.receiver_type === "agent" && (row.delivered_at ? "read" : "sent");
    const head = h(
      "header",
      {},
      h("span", { class: "kind", dir: "auto", text: SENDERS[row.sender_type] ?? name() ?? "Agent" }),
      row.options !== null && h("span", { class: "state", text: open ? "asks" : "asked" }),
      h("time", { datetime: row.created_at, text: time(row.created_at) }),
      delivery && h("span", { class: "state", text: delivery }),
    );
    element.classList.toggle("open", open);
    if (open) element.replaceChildren(head, asked(row), answerForm(row, element));
    else element.replaceChildren(head, textBlock(row.message));
  }

  update(row);
  return { element, at: Date.parse(row.created_at), update };
}

/** A call of a tool as the log has it: a line, with arguments and result for who wants them. */
export function toolTurn(entry) {
  const { details } = entry;
  const parts =
    details !== null && typeof details === "object" && !Array.isArray(details)
      ? Object.entries(details)
      : details === null
        ? []
        : [["details", details]];
  const took = Number.isFinite(details?.duration_ms) ? latency(details.duration_ms) : "";
  const state = entry.log_level === "ERROR" ? "failed" : took;
  return line(entry.id, entry.created_at, entry.message, state, parts);
}

/** The same, where it is kept as a prompt. */
export function toolPrompt(row) {
  const turn = () => {
    const parts = [
      ["arguments", row.prompt_text],
      ["result", row.response_text],
      ["error", row.error_message],
    ].filter(([, value]) => value);
    const state = row.status === "completed" ? (row.latency_ms === null ? "" : latency(row.latency_ms)) : row.status;
    return line(row.id, row.created_at, row.prompt_name ?? row.prompt_text, state, parts);
  };
  const shown = turn();
  return {
    ...shown,
    update(next) {
      row = next;
      const { open } = shown.element;
      shown.element.replaceChildren(...turn().element.childNodes);
      shown.element.open = open;
    },
  };
}

function line(id, at, text, state, parts) {
  const summary = h(
    "summary",
    {},
    icon("tool"),
    h("span", { class: "name", dir: "auto", text }),
    h("span", { class: "result", dir: "auto", text: short(parts) }),
    h("span", { class: "state", text: state }),
    h("time", { datetime: at, text: time(at) }),
  );
  const body = parts.map(([name, value]) => [
    h("h4", { text: name }),
    h("pre", { tabindex: "0", dir: "auto", text: plain(value) }),
  ]);
  return {
    element: h("details", { class: "turn tool", "data-id": id }, summary, body),
    at: Date.parse(at),
    update() {},
  };
}

/** The first line of what a call gave. */
function short(parts) {
  const [, result] = parts.find(([name]) => name === "error") ?? parts.find(([name]) => name === "result") ?? [];
  return typeof result === "string" ? result.trim().split("\n", 1)[0].slice(0, 200) : "";
}
