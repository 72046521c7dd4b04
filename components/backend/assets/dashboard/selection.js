// Several agents at once, on the board: which are chosen, and what can be done with them.

import { stopSeveral } from "./actions.js";
import { remove as removeAgents } from "./deletions.js";
import { h, setText } from "./dom.js";
import { plural } from "./format.js";
import { isFinished } from "./status.js";
import * as store from "./store.js";

/** `board` has the cards; while somebody chooses, a click on a card does not lead to it. */
export function selection(board) {
  const chosen = new Set();
  let active = false;
  let last = null;
  const toggle = h("button", {
    type: "button",
    "aria-pressed": "false",
    text: "Select",
    on: { click: () => set(!active) },
  });
  const words = h("strong", { role: "status" });
  const all = h("button", { type: "button", text: "All shown", on: { click: chooseAll } });
  const stop = h("button", { type: "button", text: "Ask to stop", on: { click: () => act(stopSeveral) } });
  const remove = h("button", {
    class: "danger",
    type: "button",
    text: "Delete",
    on: { click: () => act(removeAgents) },
  });
  const done = h("button", { class: "quiet", type: "button", text: "Done", on: { click: () => set(false) } });
  const bar = h(
    "div",
    { class: "selection-bar", role: "toolbar", "aria-label": "Selected agents", hidden: true },
    words,
    all,
    stop,
    remove,
    done,
  );

  function set(wanted) {
    active = wanted;
    toggle.setAttribute("aria-pressed", String(active));
    board.classList.toggle("selecting", active);
    if (!active) chosen.clear();
    show();
  }

  function show() {
    for (const id of chosen) if (!store.get(id)) chosen.delete(id);
    bar.hidden = !active;
    setText(words, `${plural(chosen.size, "agent")} selected`);
    stop.disabled = ![...chosen].some((id) => !isFinished(store.get(id).status));
    remove.disabled = chosen.size === 0;
    for (const card of cards()) mark(card);
  }

  function cards() {
    return [...board.querySelectorAll(".column:not([hidden]) .card")];
  }

  function mark(card) {
    const picked = chosen.has(card.dataset.id);
    card.classList.toggle("picked", picked);
    const link = card.querySelector("a.name");
    // The link is a box to tick, as long as somebody chooses.
    if (active) {
      link.setAttribute("role", "checkbox");
      link.setAttribute("aria-checked", String(picked));
    } else {
      link.removeAttribute("role");
      link.removeAttribute("aria-checked");
    }
  }

  function chooseAll() {
    for (const card of cards()) chosen.add(card.dataset.id);
    show();
  }

  function click(event) {
    const card = event.target.closest(".card");
    if (!active || !card || event.target.closest("button")) return;
    event.preventDefault();
    const { id } = card.dataset;
    if (event.shiftKey && last) {
      const ids = cards().map((other) => other.dataset.id);
      const [from, until] = [ids.indexOf(last), ids.indexOf(id)].sort((a, b) => a - b);
      for (const other of ids.slice(Math.max(0, from), until + 1)) chosen.add(other);
    } else if (!chosen.delete(id)) chosen.add(id);
    last = id;
    show();
  }

  function keydown(event) {
    if (active && event.key === " " && event.target.closest(".card a.name")) {
      event.preventDefault();
      event.target.click();
    } else if (active && event.key === "Escape") set(false);
  }

  async function act(what) {
    if (!(await what([...chosen].map(store.get)))) return;
    set(false);
    // The button that was pressed is gone.
    toggle.focus();
  }

  board.addEventListener("click", click);
  board.addEventListener("keydown", keydown);
  return { toggle, bar, update: () => active && show() };
}
