// A card of the board. It keeps its nodes and changes those whose text is another.

import { about } from "./about.js";
import { cancel } from "./actions.js";
import * as activity from "./activity.js";
import { h, icon, setText } from "./dom.js";
import { brief, money, shortId, span } from "./format.js";
import { to } from "./route.js";
import { duration, endedAgo, isFinished } from "./status.js";
import * as store from "./store.js";

export class Card {
  #agent = null;
  #link = h("a", { class: "name", dir: "auto" });
  #about = h("p", { class: "about", dir: "auto", hidden: true });
  #call = h("span", { class: "call" });
  #since = h("span", { class: "since" });
  #doing = h("p", { class: "doing", hidden: true }, this.#call, this.#since);
  #error = h("p", { class: "error", hidden: true });
  #id = h("span", { class: "id" });
  #session = h("span", { class: "session", dir: "auto" });
  #age = h("span", { class: "age" });
  #cost = h("span", { class: "cost" });
  #child = h("span", { class: "child", hidden: true, title: "Another agent started it" }, icon("child"));
  #cancel = h(
    "button",
    { class: "quiet stop", type: "button", on: { click: () => cancel(this.#agent) } },
    icon("stop"),
  );

  constructor(agent) {
    this.element = h(
      "li",
      { class: "card" },
      h("div", { class: "title" }, this.#child, this.#link, this.#id, this.#cancel),
      this.#about,
      this.#doing,
      this.#error,
      h("div", { class: "facts" }, this.#session, this.#cost, this.#age),
    );
    this.update(agent);
  }

  update(agent) {
    const old = this.#agent;
    this.#agent = agent;
    if (old === null) {
      setText(this.#id, shortId(agent.id));
      this.element.dataset.id = agent.id;
    }
    const text = about(agent);
    show(this.#about, text);
    show(this.#error, agent.error_message ?? "");
    const name = agent.name ?? "Unnamed";
    setText(this.#link, name);
    const said = `${name}, ${text || agent.session_id}, agent ${agent.id}`;
    if (this.#link.title !== said) {
      this.#link.title = said;
      // Many agents have one name.
      this.#link.setAttribute("aria-label", `${name}, ${text || agent.session_id}, ${shortId(agent.id)}`);
    }
    if (agent.session_id !== old?.session_id) {
      setText(this.#session, agent.session_id);
      this.#session.title = `Session ${agent.session_id}`;
      this.#link.href = to("sessions", agent.session_id, { agent: agent.id });
    }
    if (agent.cost_usd !== old?.cost_usd) setText(this.#cost, agent.cost_usd ? money(agent.cost_usd) : "");
    this.#child.hidden = !agent.parent_agent_id;
    this.#showCancel();
    this.tick(store.now());
  }

  #showCancel() {
    const asked = store.isCancelling(this.#agent);
    this.#cancel.hidden = isFinished(this.#agent.status) || asked;
    this.element.classList.toggle("cancelling", asked);
    const label = `Ask ${this.#agent.name ?? "agent"} ${shortId(this.#agent.id)} to stop`;
    if (this.#cancel.title !== label) {
      this.#cancel.title = label;
      this.#cancel.setAttribute("aria-label", label);
    }
  }

  tick(now) {
    const ended = endedAgo(this.#agent, now);
    setText(this.#age, ended === null ? brief(duration(this.#agent, now)) : `${brief(ended)} ago`);
    if (ended !== null) this.#age.title = `It took ${span(duration(this.#agent, now))}`;
    const call = ended === null && activity.of(this.#agent.id);
    this.#doing.hidden = !call;
    if (!call) return;
    setText(this.#call, call.text);
    this.#call.title = call.text;
    setText(this.#since, brief(now - call.since));
  }
}

function show(element, text) {
  if (!setText(element, text)) return;
  element.title = text;
  element.hidden = text === "";
}
