// A card of the board. It keeps its nodes and changes those whose text is another.

import { cancel } from "./actions.js";
import { h, icon, setText } from "./dom.js";
import { money, shortId, span } from "./format.js";
import { to } from "./route.js";
import { duration, isFinished } from "./status.js";
import * as store from "./store.js";

export class Card {
  #agent = null;
  #link = h("a", { class: "name" });
  #id = h("span", { class: "id" });
  #session = h("span", { class: "session" });
  #age = h("span", { class: "age" });
  #cost = h("span", { class: "cost" });
  #error = h("p", { class: "error", hidden: true });
  #child = h("span", { class: "child", hidden: true, title: "Another agent started it" }, icon("child"));
  #cancel = h(
    "button",
    { class: "quiet stop", type: "button", on: { click: () => cancel(this.#agent) } },
    icon("cancelled"),
  );

  constructor(agent) {
    const which = h("span", { class: "which" }, this.#child, this.#id);
    const facts = h("span", { class: "facts" }, this.#cost, this.#age);
    this.element = h("li", { class: "card" }, this.#link, this.#session, which, facts, this.#error, this.#cancel);
    this.update(agent);
  }

  update(agent) {
    const old = this.#agent;
    this.#agent = agent;
    if (old === null) {
      setText(this.#id, shortId(agent.id));
      this.element.dataset.id = agent.id;
    }
    const name = agent.name ?? "Unnamed";
    if (setText(this.#link, name) || old === null) this.#link.title = `${name}, agent ${agent.id}`;
    if (agent.session_id !== old?.session_id) {
      setText(this.#session, agent.session_id);
      this.#session.title = `Session ${agent.session_id}`;
      this.#link.href = to("sessions", agent.session_id, { agent: agent.id });
    }
    if (agent.cost_usd !== old?.cost_usd) setText(this.#cost, agent.cost_usd ? money(agent.cost_usd) : "");
    if (agent.error_message !== old?.error_message) {
      setText(this.#error, agent.error_message ?? "");
      this.#error.title = agent.error_message ?? "";
      this.#error.hidden = !agent.error_message;
    }
    this.#child.hidden = !agent.parent_agent_id;
    this.#showCancel();
    this.tick(store.now());
  }

  #showCancel() {
    const asked = store.isCancelling(this.#agent.id);
    this.#cancel.hidden = isFinished(this.#agent.status) || asked;
    this.element.classList.toggle("cancelling", asked);
    const label = `Ask ${this.#agent.name ?? "agent"} ${shortId(this.#agent.id)} to stop`;
    if (this.#cancel.title !== label) {
      this.#cancel.title = label;
      this.#cancel.setAttribute("aria-label", label);
    }
  }

  tick(now) {
    setText(this.#age, span(duration(this.#agent, now)));
  }
}
