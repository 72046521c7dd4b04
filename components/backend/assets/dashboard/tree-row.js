// A row of the waterfall: an agent, and on the axis of time what it did when.

import * as activity from "./activity.js";
import { about } from "./about.js";
import { h, icon, setText } from "./dom.js";
import { count, money, shortId, span } from "./format.js";
import { to } from "./route.js";
import { duration, isFinished } from "./status.js";
import * as store from "./store.js";

/** How high it is, in pixels; the style sheet has it too. */
export const ROW = 34;
/** The most marks on a bar. */
const MOST_MARKS = 200;

/** An agent's row. It keeps its nodes, and draws its bars when they are others. */
export class Row {
  #mark = h("span", { class: "mark" });
  #name = h("span", { class: "name", dir: "auto" });
  #about = h("span", { class: "what", dir: "auto" });
  #twist = h("span", { class: "twist", "aria-hidden": "true" });
  #lane = h("span", { class: "lane", "aria-hidden": "true" });
  #cost = h("span", { class: "cost" });
  #label;
  #drawn = "";
  #status = null;

  constructor(id, session, toggle) {
    this.#label = h("span", { class: "label" }, this.#twist, this.#mark, this.#name, this.#about, this.#cost);
    this.element = h(
      "a",
      { class: "tree-row", role: "treeitem", href: to("sessions", session, { agent: id }), data: { id } },
      this.#label,
      this.#lane,
    );
    this.#twist.addEventListener("click", (event) => {
      event.preventDefault();
      event.stopPropagation();
      toggle(id);
    });
  }

  show(
    { agent, depth, below, cost, tokens, position, siblings },
    at,
    time,
    history,
    marks,
    { chosen, collapsed, reachable },
  ) {
    const { element } = this;
    element.style.top = `${at * ROW}px`;
    this.#label.style.paddingLeft = `${Math.min(depth, 12) * 14}px`;
    if (agent.status !== this.#status) {
      this.#status = agent.status;
      element.dataset.status = agent.status;
      this.#mark.replaceChildren(icon(agent.status), h("span", { class: "hidden", text: agent.status }));
    }
    const call = !isFinished(agent.status) && activity.of(agent.id);
    setText(this.#name, agent.name ?? "Unnamed");
    setText(this.#about, call ? call.text : about(agent) || shortId(agent.id));
    setText(this.#twist, below > 0 ? (collapsed ? "▸" : "▾") : "");
    setText(this.#cost, cost > 0 ? money(cost) : "");
    const now = store.now();
    const title = `${agent.name ?? "Unnamed"} ${agent.id}\n${agent.status}, ${span(duration(agent, now))}`;
    const branch = below > 0 ? `\nWith the ${below} below: ${money(cost)}, ${count(tokens)} tokens` : "";
    element.title = title + branch;
    set(element, {
      "aria-level": depth + 1,
      "aria-posinset": position,
      "aria-setsize": siblings,
      "aria-selected": chosen,
      "aria-current": chosen ? "true" : null,
      "aria-expanded": below > 0 ? !collapsed : null,
      tabindex: chosen || reachable ? 0 : -1,
    });
    this.#draw(agent, time, history, marks, now);
  }

  #draw(agent, { from, until }, history, marks, now) {
    const end = agent.completed_at ? Date.parse(agent.completed_at) : now;
    const share = (at) => Math.min(1, Math.max(0, (at - from) / (until - from))) * 100;
    // Who writes to the database itself may have written down only the last status.
    const steps = history
      ? [{ ...history[0], at: agent.started_at }, ...history.slice(1)]
      : [{ status: agent.status, at: agent.started_at }];
    const pieces = steps
      .map(({ status, at }, step) => [
        status,
        share(Date.parse(at)),
        share(step + 1 < steps.length ? Date.parse(steps[step + 1].at) : end),
      ])
      .filter(([status], step) => !(isFinished(status) && step === steps.length - 1 && steps.length > 1));
    const shown = marks.filter(({ at }) => at >= from && at <= until).slice(-MOST_MARKS);
    const now_ = JSON.stringify([
      pieces.map(([status, a, b]) => [status, a.toFixed(2), b.toFixed(2)]),
      shown.length,
      agent.status,
    ]);
    if (now_ === this.#drawn) return;
    this.#drawn = now_;
    const last = pieces.at(-1);
    this.#lane.replaceChildren(
      ...pieces.map(([status, left, right]) =>
        place(h("span", { class: "seg", data: { status } }), left, right - left),
      ),
      ...shown.map(({ at, kind, text }) => place(h("span", { class: `dot at-${kind}`, title: text }), share(at))),
      ...(last && isFinished(agent.status)
        ? [place(h("span", { class: "end", data: { status: agent.status } }), last[2])]
        : []),
    );
  }
}

function place(element, left, width) {
  element.style.left = `${left}%`;
  if (width !== undefined) element.style.width = `${width}%`;
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
  }
}
