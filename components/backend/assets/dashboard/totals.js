// The numbers above the board, as the server counts them.

import { h, setText } from "./dom.js";
import { count, exact, money } from "./format.js";
import { RUNNING } from "./status.js";

const NAMES = ["Agents", "Running", "Completed", "Failed", "Tokens", "Cost"];

/** What the agents together do and cost. */
export class Totals {
  #values = new Map();

  constructor() {
    const pairs = NAMES.map((name) => {
      const value = h("dd", { text: "–" });
      this.#values.set(name, value);
      return h("div", { data: { total: name.toLowerCase() } }, h("dt", { text: name }), value);
    });
    this.element = h("dl", { class: "totals", "aria-label": "All agents" }, pairs);
  }

  show(stats) {
    const { total, by_status: statuses } = stats.agents;
    const running = RUNNING.reduce((sum, status) => sum + (statuses[status] ?? 0), 0);
    const tokens = stats.tokens_input + stats.tokens_output;
    const shown = [
      [count(total), exact(total)],
      [count(running), exact(running)],
      [count(statuses.completed), exact(statuses.completed ?? 0)],
      [count(statuses.failed), exact(statuses.failed ?? 0)],
      [count(tokens), `${exact(stats.tokens_input)} in, ${exact(stats.tokens_output)} out`],
      [money(stats.cost_usd), `$${stats.cost_usd}`],
    ];
    NAMES.forEach((name, index) => {
      const value = this.#values.get(name);
      setText(value, shown[index][0]);
      value.title = shown[index][1];
    });
  }
}
