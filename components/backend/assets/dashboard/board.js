// The board: a column a status, a card an agent. A change touches the cards that changed, and nothing else.

import { Card } from "./card.js";
import { emptyState } from "./empty.js";
import { filterBar, reader } from "./filter.js";
import { calm, h, icon, narrow, setText } from "./dom.js";
import { capital, count, money, plural } from "./format.js";
import { STATUSES, isFinished } from "./status.js";
import * as store from "./store.js";

/** How many cards of a column are drawn until somebody wants more. */
const MOST = { wide: 40, narrow: 8 };
/** More moves at once than this, or sooner after the last ones, are not followed by an eye. */
const MOST_MOVES = 12;
const LEAST_PAUSE = 400;
const MOVE = { duration: 220, easing: "cubic-bezier(.2, .7, .2, 1)" };

export function mount(root, params) {
  /** The cards that are drawn, by the agents' ids, and the column of each agent, drawn or not. */
  const cards = new Map();
  const placed = new Map();
  let moved = 0;
  let wanted = reader(params);
  const columns = new Map(STATUSES.map((status) => [status, new Column(status, cards)]));
  const totals = new Totals();
  const filter = filterBar(params);
  const empty = emptyState();
  const nothing = h("p", { class: "note", role: "status", text: "No agent matches the filter." });
  const board = h(
    "div",
    { class: "columns", on: { keydown: arrows } },
    [...columns.values()].map((column) => column.element),
  );
  root.append(h("h1", { class: "hidden", text: "Agents" }), totals.element, filter.element, board, nothing, empty);

  /** Takes over what changed. */
  function update(changed, whole) {
    let moves = 0;
    for (const id of whole ? new Set([...placed.keys(), ...store.ids()]) : changed) {
      const agent = store.get(id);
      const to = agent && wanted(agent) ? agent.status : undefined;
      const from = placed.get(id);
      if (to) cards.get(id)?.update(agent);
      if (to === from) continue;
      columns.get(from)?.remove(id);
      columns.get(to)?.add(id);
      if (to) placed.set(id, to);
      else placed.delete(id);
      moves++;
    }
    const few = moves > 0 && moves <= MOST_MOVES && performance.now() - moved > LEAST_PAUSE;
    if (moves > 0) moved = performance.now();
    const animate = few && !whole && !calm.matches && !document.hidden;
    const places = animate ? positions(columns) : null;
    const focused = document.activeElement;
    for (const column of columns.values()) column.draw(whole);
    for (const [id, card] of cards) if (!card.element.isConnected) cards.delete(id);
    // A node that moves loses the focus.
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    if (animate) follow(places, positions(columns));
    totals.update();
    filter.update();
    show();
  }

  function show() {
    const none = store.size() === 0;
    board.hidden = none;
    empty.hidden = !none || !store.isLoaded();
    filter.element.hidden = none;
    totals.element.hidden = none;
    nothing.hidden = none || placed.size > 0;
    const only = filter.statuses();
    for (const column of columns.values()) column.show(only.size === 0 || only.has(column.status));
  }

  const unlisten = store.listen(update);
  const redraw = () => update(new Set(), true);
  narrow.addEventListener("change", redraw);
  redraw();
  return {
    route(next) {
      wanted = reader(next);
      filter.route(next);
      redraw();
    },
    tick() {
      const now = store.now();
      for (const column of columns.values()) if (!isFinished(column.status)) column.tick(now);
    },
    unmount() {
      unlisten();
      filter.unmount();
      narrow.removeEventListener("change", redraw);
    },
  };
}

/** One status: all its agents, the newest first, of whom the first so many are drawn. */
class Column {
  #cards;
  #ids = [];
  #extra = 0;
  #dirty = true;

  constructor(status, cards) {
    this.status = status;
    this.#cards = cards;
    this.count = h("span", { class: "count", text: "0" });
    this.list = h("ol", { class: "cards" });
    this.more = h("button", { class: "more", type: "button", on: { click: () => this.#showMore() } });
    const title = h("h2", { id: `column-${status}` }, icon(status), h("span", { text: capital(status) }), this.count);
    this.element = h(
      "section",
      { class: "column", data: { status }, "aria-labelledby": title.id },
      title,
      this.list,
      this.more,
    );
  }

  add(id) {
    this.#ids.push(id);
    this.#dirty = true;
  }

  remove(id) {
    this.#ids.splice(this.#ids.indexOf(id), 1);
    this.#dirty = true;
  }

  /** Brings the list into the order of the agents; nodes that are right stay where they are. */
  draw(force) {
    if (!this.#dirty && !force) return;
    this.#dirty = false;
    this.#ids.sort((a, b) => store.get(b).place - store.get(a).place);
    const most = (narrow.matches ? MOST.narrow : MOST.wide) + this.#extra;
    const drawn = this.#ids.slice(0, most);
    const wanted = new Set(drawn.map((id) => this.#card(id).element));
    for (const node of [...this.list.children]) if (!wanted.has(node)) node.remove();
    let at = this.list.firstElementChild;
    for (const node of wanted) {
      if (node === at) at = at.nextElementSibling;
      else this.list.insertBefore(node, at);
    }
    const hidden = this.#ids.length - drawn.length;
    this.more.hidden = hidden === 0;
    setText(this.more, `Show more of ${hidden}`);
    setText(this.count, String(this.#ids.length));
    this.element.classList.toggle("none", this.#ids.length === 0);
  }

  #card(id) {
    let card = this.#cards.get(id);
    if (!card) {
      card = new Card(store.get(id));
      this.#cards.set(id, card);
    }
    return card;
  }

  #showMore() {
    const last = this.list.lastElementChild;
    this.#extra += 100;
    this.draw(true);
    last?.nextElementSibling?.querySelector("a").focus();
  }

  show(visible) {
    this.element.hidden = !visible;
  }

  tick(now) {
    for (const id of this.#ids.slice(0, this.list.children.length)) this.#cards.get(id).tick(now);
  }
}

/** What all agents together do and cost. */
class Totals {
  #values = new Map();

  constructor() {
    const names = ["Agents", "Running", "Completed", "Failed", "Sessions", "Cost"];
    const pairs = names.map((name) => {
      const value = h("dd", { text: "0" });
      this.#values.set(name, value);
      return h("div", { data: { total: name.toLowerCase() } }, h("dt", { text: name }), value);
    });
    this.element = h("dl", { class: "totals", "aria-label": "All agents" }, pairs);
  }

  update() {
    let [running, done, failed, cost] = [0, 0, 0, 0];
    const sessions = new Set();
    for (const agent of store.all()) {
      if (!isFinished(agent.status)) running++;
      if (agent.status === "completed") done++;
      if (agent.status === "failed") failed++;
      cost += agent.cost_usd || 0;
      sessions.add(agent.session_id);
    }
    const texts = {
      Agents: `${count(store.size())}${store.isPartial() ? "+" : ""}`,
      Running: count(running),
      Completed: count(done),
      Failed: count(failed),
    };
    Object.assign(texts, { Sessions: count(sessions.size), Cost: money(cost) });
    for (const [name, text] of Object.entries(texts)) setText(this.#values.get(name), text);
    const older = store.isPartial() ? "; older agents come with their next change" : "";
    this.element.title = `${plural(store.size(), "agent")} in ${plural(sessions.size, "session")}${older}`;
  }
}

/** Where the cards are that can be seen. */
function positions(columns) {
  const places = new Map();
  for (const { list } of columns.values()) {
    for (const card of list.children) {
      const place = card.getBoundingClientRect();
      if (place.top > innerHeight) break;
      if (place.bottom > 0) places.set(card, place);
    }
  }
  return places;
}

/** Lets each card that is elsewhere now go there from where it was. */
function follow(before, after) {
  for (const [card, next] of after) {
    const last = before.get(card);
    const [x, y] = last ? [last.left - next.left, last.top - next.top] : [0, 0];
    if (last && x === 0 && y === 0) continue;
    const start = last ? { transform: `translate(${x}px, ${y}px)`, zIndex: x === 0 ? 0 : 1 } : { opacity: 0 };
    card.animate([start, {}], MOVE);
  }
}

/** The arrow keys go from card to card. */
function arrows(event) {
  const card = event.target.closest(".card");
  if (!card || !event.key.startsWith("Arrow")) return;
  const lists = [...event.currentTarget.querySelectorAll(".column:not([hidden]) .cards")].filter(
    (list) => list.children.length > 0,
  );
  const list = lists.indexOf(card.parentElement);
  const row = [...card.parentElement.children].indexOf(card);
  const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
  const target = lists[list + step[0]];
  const next = target?.children[Math.min(row + step[1], step[0] ? target.children.length - 1 : Infinity)];
  if (!next) return;
  event.preventDefault();
  next.querySelector("a").focus();
}
