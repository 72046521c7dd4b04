// What needs a person: questions that wait, and failures since somebody last looked. A line of it is above every view, and
// the tab says how many questions there are.

import { about } from "./about.js";
import * as failures from "./failures.js";
import { h, icon, setText } from "./dom.js";
import { brief, plural } from "./format.js";
import * as messages from "./messages.js";
import { answerForm, asked } from "./question.js";
import { to } from "./route.js";
import * as store from "./store.js";

/** So many questions are answered above any view; where there are more, the rest is a click away. */
const ABOVE = 1;

/** A question with its agent and the controls to answer it. It keeps what somebody has typed. */
export function questionCard(question) {
  const who = h("a", { class: "name", dir: "auto" });
  const what = h("span", { class: "about", dir: "auto" });
  const age = h("span", { class: "age" });
  const element = h("li", { class: "question", data: { id: question.id } });
  element.append(
    h("div", { class: "who" }, icon("question"), who, what, age),
    asked(question),
    answerForm(question, element),
  );

  function tick() {
    const agent = store.get(question.agent_id);
    setText(who, messages.askerOf(question));
    setText(what, agent ? about(agent) || agent.session_id : "");
    if (agent) who.href = to("sessions", agent.session_id, { agent: agent.id });
    else if (question.agent_id)
      Promise.resolve(store.find(question.agent_id)).catch((error) => console.debug("agent", error));
    setText(age, `${brief(store.now() - Date.parse(question.created_at))} ago`);
  }

  tick();
  return { element, tick };
}

/** Keeps a list of questions as it is; nodes that are right stay, with what is typed in them. */
export class QuestionList {
  #cards = new Map();

  constructor() {
    this.element = h("ol", { class: "questions" });
  }

  show(questions) {
    const wanted = new Set(questions.map(({ id }) => id));
    const had = this.element.contains(document.activeElement);
    for (const [id, { element }] of this.#cards) {
      if (wanted.has(id)) continue;
      element.remove();
      this.#cards.delete(id);
    }
    for (const question of questions) {
      if (this.#cards.has(question.id)) continue;
      const card = questionCard(question);
      this.#cards.set(question.id, card);
      this.element.append(card.element);
    }
    this.tick();
    // Who answers by key goes on to the next.
    if (had && !this.element.contains(document.activeElement)) this.focus();
  }

  /** Puts the focus into that question, or the first. */
  focus(id) {
    const element = this.#cards.get(id)?.element ?? this.element;
    element.querySelector(".answer :is(button, input)")?.focus();
  }

  tick() {
    for (const card of this.#cards.values()) card.tick();
  }
}

/** The line above the views. */
export function needsBar() {
  const list = new QuestionList();
  const rest = h("a", { href: "#/needs" });
  const failed = h("a", { class: "failed", href: "#/needs" });
  const links = h("span", { class: "links" }, failed, rest);
  const element = h("section", { class: "needs-bar", "aria-label": "Needs you", hidden: true }, list.element, links);

  /** `here`: the view shows all of it itself. */
  function show(here) {
    const questions = messages.questions();
    const failures_ = failures.unseen();
    list.show(here ? [] : questions.slice(0, ABOVE));
    // In the line of the question, where there is one.
    const place = list.element.querySelector(".who") ?? element;
    if (links.parentElement !== place) place.append(links);
    setText(rest, questions.length > ABOVE ? `All ${questions.length} questions` : "");
    setText(failed, failures_ > 0 ? `${plural(failures_, "failure")} since you last looked` : "");
    element.hidden = here || (questions.length === 0 && failures_ === 0);
  }

  return { element, show, focus: () => list.focus(), tick: () => list.tick() };
}
