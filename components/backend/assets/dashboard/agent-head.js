// The head of an agent's panel: its name, status and id, what a person can do with it, and what went wrong.

import * as actions from "./actions.js";
import { remove as removeAgents } from "./deletions.js";
import { h, icon, setText } from "./dom.js";
import { copied } from "./clipboard.js";
import { shortId } from "./format.js";
import { isFinished, pill } from "./status.js";
import * as store from "./store.js";

/** `gone` is called with the agent's id once it is deleted here. */
export function agentHead(gone) {
  const element = h("header");
  const error = h("p", { class: "error", hidden: true });
  let said = "";

  function show(agent) {
    const asked = store.isCancelling(agent);
    // Buttons that are made anew while somebody presses them are never clicked.
    const now = JSON.stringify([agent.name, agent.status, asked, agent.error_message]);
    if (now === said) return;
    said = now;
    const stop = h("button", {
      type: "button",
      text: asked ? "Asked to stop" : "Ask to stop",
      disabled: asked,
      on: { click: () => actions.cancel(agent) },
    });
    const remove = h("button", {
      class: "danger",
      type: "button",
      text: "Delete",
      on: { click: async () => (await removeAgents([agent])) && gone(agent.id) },
    });
    const focused = element.contains(document.activeElement) ? document.activeElement.textContent : null;
    element.replaceChildren(
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
    for (const button of element.querySelectorAll("button"))
      if (focused && button.textContent === focused) button.focus();
    error.hidden = !agent.error_message;
    setText(error, agent.error_message ?? "");
  }

  /** Says why the agent cannot be read, until it is shown again. */
  function fail(text) {
    error.hidden = false;
    setText(error, text);
    said = "";
  }

  return { element, error, show, fail };
}
