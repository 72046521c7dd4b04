// A column of the board: the agents of one status, as cards.

import { Card } from "./card.js";
import { h, icon, narrow, setText } from "./dom.js";
import { capital } from "./format.js";
import * as store from "./store.js";

/** How many cards of a column are drawn until somebody wants more. */
const MOST = { wide: 40, narrow: 8 };

/** One status: all its agents, the newest first, of whom the first so many are drawn. */
export class Column {
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
