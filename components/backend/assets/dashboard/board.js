// The board: a column a status, a card an agent. A change touches the cards that changed, and nothing else.

import * as activity from "./activity.js";
import * as api from "./api.js";
import { Column } from "./column.js";
import { calm, h, narrow } from "./dom.js";
import { emptyState } from "./empty.js";
import { filterBar, queryOf, reader, statusesOf } from "./filter.js";
import { follow, positions } from "./moves.js";
import * as notify from "./notify.js";
import { retentionNotice } from "./retention.js";
import * as statistics from "./stats.js";
import { selection } from "./selection.js";
import { STATUSES } from "./status.js";
import * as store from "./store.js";
import { rangeOf } from "./time-range.js";
import { Totals } from "./totals.js";

/** More moves at once than this, or sooner after the last ones, are not followed by an eye. */
const MOST_MOVES = 12;
const LEAST_PAUSE = 1000;
/** How many agents of a text or a time are read, the newest. */
const MOST_FOUND = 2000;

export function mount(root, first) {
  /** The cards that are drawn, by the agents' ids, and the column of each agent, drawn or not. */
  const cards = new Map();
  const placed = new Map();
  let params = first;
  let abort = new AbortController();
  let moved = 0;
  let wanted = reader(params);
  /** What the server counts, as long as the filter is one that it can count by. */
  let counted = null;
  const columns = new Map(STATUSES.map((status) => [status, new Column(status, cards)]));
  const totals = new Totals();
  const filter = filterBar(params);
  const empty = emptyState();
  const retention = retentionNotice();
  const nothing = h("p", { class: "note", role: "status", text: "No agent matches the filter." });
  const board = h(
    "div",
    { class: "columns", on: { keydown: arrows } },
    [...columns.values()].map((column) => column.element),
  );
  const chosen = selection(board);
  filter.element.append(chosen.toggle);
  const title = h("h1", { class: "hidden", text: "Agents" });
  root.append(title, retention.element, totals.element, filter.element, board, nothing, empty.element, chosen.bar);

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
    const focused = /** @type {HTMLElement} */ (document.activeElement);
    for (const column of columns.values()) column.draw(whole);
    for (const [id, card] of cards) if (!card.element.isConnected) cards.delete(id);
    // A node that moves loses the focus.
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    if (animate) follow(places, positions(columns));
    chosen.update();
    show();
  }

  function show() {
    const none = store.size() === 0;
    board.hidden = none;
    empty.show(none && store.isLoaded());
    filter.element.hidden = none;
    totals.element.hidden = none;
    nothing.hidden = none || placed.size > 0;
    const only = statusesOf(params);
    for (const column of columns.values()) column.show(only.size === 0 || only.has(column.status));
    filter.update(counted?.agents.by_status);
  }

  function showStats(stats) {
    totals.show(stats);
    counted = queryOf(params) ? null : stats;
    for (const column of columns.values())
      column.setTotal(counted && (stats.agents.by_status[column.status] ?? 0), params.get("session"));
    filter.update(counted?.agents.by_status);
  }

  /** Reads what is wanted and may not be here: an agent that has ended long ago is not. */
  async function search() {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    const query = queryOf(params);
    if (!query) return;
    try {
      const { rows, next } = await api.some(`/api/runtime/agents?${query}&limit=1000`, MOST_FOUND, { signal });
      store.take(rows);
      for (const column of columns.values()) column.setWhole(next === null);
    } catch (error) {
      if (!signal.aborted) notify.failed("Agents cannot be searched", error);
    }
  }

  function showFilter() {
    filter.route(params);
    columns.get("failed").showReasons(rangeOf(params));
    search();
  }

  const unlisten = store.listen((changed, whole) => {
    update(changed, whole);
    // A new list has only the newest.
    if (whole) search();
  });
  const stats = statistics.follow(showStats);
  const unfollow = activity.follow((ids) => {
    for (const id of ids) cards.get(id)?.tick(store.now());
  });
  const redraw = () => update(new Set(), true);
  narrow.addEventListener("change", redraw);
  redraw();
  showFilter();
  stats.of(params.get("session"));
  return {
    route(next) {
      params = next;
      wanted = reader(next);
      counted = null;
      for (const column of columns.values()) column.reset();
      showFilter();
      redraw();
      stats.of(params.get("session"));
    },
    tick() {
      const now = store.now();
      for (const column of columns.values()) column.tick(now);
    },
    unmount() {
      abort.abort();
      unlisten();
      unfollow();
      stats.unmount();
      filter.unmount();
      retention.unmount();
      narrow.removeEventListener("change", redraw);
    },
  };
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
