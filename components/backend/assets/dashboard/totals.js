// The numbers above the board.

import { h, setText } from "./dom.js";
import { count, money, plural } from "./format.js";
import { isFinished } from "./status.js";
import * as store from "./store.js";

/** What all agents together do and cost. */
export class Totals {
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
