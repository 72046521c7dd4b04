// A column of the board: the agents of one status, as cards.

import * as api from "./api.js";
import { Card } from "./card.js";
import { h, icon, narrow, setText } from "./dom.js";
import { capital, exact } from "./format.js";
import * as notify from "./notify.js";
import { to } from "./route.js";
import * as store from "./store.js";
import { RANGES } from "./time-range.js";

/** How many cards of a column are drawn until somebody wants more, and how many more then. */
const MOST = { wide: 24, narrow: 8 };
const MORE = 100;

/** One status: all its agents that the page holds, the newest first, of whom the first so many are drawn. */
export class Column {
  #cards;
  #ids = [];
  #extra = 0;
  #dirty = true;
  #total = null;
  #older = null;
  #isWhole = false;
  #filled = false;

  constructor(status, cards) {
    this.status = status;
    this.#cards = cards;
    this.count = h("span", { class: "count", text: "0" });
    this.list = h("ol", { class: "cards" });
    this.more = h("button", { class: "more", type: "button", on: { click: () => this.#showMore() } });
    this.reasons = h("a", { class: "reasons", hidden: true });
    const title = h("h2", { id: `column-${status}` }, icon(status), h("span", { text: capital(status) }), this.count);
    this.element = h(
      "section",
      { class: "column", data: { status }, "aria-labelledby": title.id },
      title,
      this.reasons,
      this.list,
      this.more,
    );
  }

  /** Leads to the reasons of those that failed in that time. */
  showReasons(range) {
    this.reasons.hidden = false;
    this.reasons.href = to("needs", "", { since: range || "hour" });
    setText(this.reasons, `${RANGES[range || "hour"]} by reason`);
  }

  add(id) {
    this.#ids.push(id);
    this.#dirty = true;
  }

  remove(id) {
    this.#ids.splice(this.#ids.indexOf(id), 1);
    this.#dirty = true;
  }

  /** How many agents there are on the server; null where only those are known that the page holds. `session`: whose. */
  setTotal(total, session) {
    if (this.#total === total) return;
    this.#total = total;
    const query = new URLSearchParams({ status: this.status, limit: "1000" });
    if (session) query.set("session_id", session);
    this.#older ??= `/api/runtime/agents?${query}`;
    this.#showCounts();
    if (total > 0 && this.#ids.length === 0) this.#fill();
  }

  /** Where all agents of the column are older than those that the page holds, it shows the newest of them all the same. */
  async #fill() {
    if (this.#filled || !this.#older) return;
    this.#filled = true;
    try {
      store.take(await api.get(this.#older.replace("limit=1000", `limit=${this.#most()}`)));
    } catch (error) {
      console.debug("older agents", error);
    }
  }

  /** Another filter is set: what was read for the one before says nothing. */
  reset() {
    [this.#total, this.#older, this.#extra, this.#isWhole, this.#filled] = [null, null, 0, false, false];
  }

  /** Whether the page holds all that the filter lets through. */
  setWhole(isWhole) {
    this.#isWhole = isWhole;
    this.#showCounts();
  }

  /** Brings the list into the order of the agents; nodes that are right stay where they are. */
  draw(force) {
    if (!this.#dirty && !force) return;
    this.#dirty = false;
    this.#ids.sort((a, b) => store.get(b).place - store.get(a).place || (a < b ? 1 : -1));
    const drawn = this.#ids.slice(0, this.#most());
    const wanted = new Set(drawn.map((id) => this.#card(id).element));
    for (const node of [...this.list.children]) if (!wanted.has(node)) node.remove();
    let at = this.list.firstElementChild;
    for (const node of wanted) {
      if (node === at) at = at.nextElementSibling;
      else this.list.insertBefore(node, at);
    }
    this.#showCounts();
  }

  #most() {
    return (narrow.matches ? MOST.narrow : MOST.wide) + this.#extra;
  }

  #showCounts() {
    // The server counts a little later than the feed tells.
    const all = Math.max(this.#total ?? 0, this.#ids.length);
    const hidden = all - Math.min(this.#ids.length, this.#most());
    this.more.hidden = hidden <= 0;
    setText(this.more, `Show more of ${exact(hidden)}`);
    setText(this.count, `${exact(all)}${this.#total === null && store.isPartial() && !this.#isWhole ? "+" : ""}`);
    this.element.classList.toggle("none", all === 0);
  }

  #card(id) {
    let card = this.#cards.get(id);
    if (!card) {
      card = new Card(store.get(id));
      this.#cards.set(id, card);
    }
    return card;
  }

  async #showMore() {
    const last = this.list.lastElementChild;
    this.#extra += MORE;
    while (this.#older && this.#ids.length < this.#most()) {
      try {
        const { rows, next } = await api.page(this.#older);
        this.#older = next;
        store.take(rows);
        await store.told();
      } catch (error) {
        notify.failed("Older agents cannot be read", error);
        break;
      }
    }
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
