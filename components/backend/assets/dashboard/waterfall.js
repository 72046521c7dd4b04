// The agents of a session as a tree, and beside it what each did when, on one axis of time.
//
// Only the rows that are in view exist: a session may have thousands of agents.

import { h, setText, throttled } from "./dom.js";
import { capital } from "./format.js";
import { Histories } from "./histories.js";
import { RUNNING } from "./status.js";
import * as store from "./store.js";
import { timeAxis } from "./time-axis.js";
import { flatten } from "./tree.js";
import { ROW, Row } from "./tree-row.js";

/** How high what is above the rows is, in pixels. */
const HEAD = 36;
/** Rows above and below those in view. */
const BESIDE = 8;
/** On paper there is no scrolling. */
const MOST_PRINTED = 1000;
const ARRANGE = 200;

/** `agents` are those of the session, by id. `marks(id)` gives what happened to an agent: `{at, kind, text}`. */
export function waterfall(session, agents, marks) {
  const spacer = h("div", { class: "rows", role: "tree", "aria-label": "Agents of the session" });
  const axis = timeAxis(() => draw());
  const number = h("span", { class: "count" });
  const head = h(
    "div",
    { class: "bar-head" },
    h("div", { class: "left" }, h("h2", { text: "Agents" }), number, axis.tools),
    axis.element,
  );
  const box = h(
    "div",
    { class: "rowsbox", on: { scroll: draw, keydown, wheel: axis.wheel } },
    head,
    axis.lines,
    spacer,
  );
  const element = h("section", { class: "waterfall", "aria-label": "Timeline" }, box, legend());
  const rows = new Map();
  const collapsed = new Set();
  let order = [];
  let index = new Map();
  let printing = false;
  let chosen = null;
  const drawSoon = throttled(draw, 50);
  const histories = new Histories(drawSoon);

  /** Brings the rows into order, after agents have come, gone or changed. */
  function arrange() {
    order = flatten(agents, collapsed);
    index = new Map(order.map(({ agent }, at) => [agent.id, at]));
    measure();
    spacer.style.height = `${order.length * ROW}px`;
    axis.lines.style.height = spacer.style.height;
    setText(number, String(agents.size));
    draw();
  }

  /** When the session began, and ended; the latter is now while somebody is at work. */
  function measure() {
    const all = [...agents.values()];
    const starts = all.map((agent) => Date.parse(agent.started_at)).filter(Number.isFinite);
    const start = starts.reduce((a, b) => Math.min(a, b), Infinity);
    const ends = all.map((agent) => (agent.completed_at ? Date.parse(agent.completed_at) : Infinity));
    const end = ends.reduce((a, b) => Math.max(a, b), -Infinity);
    axis.set(start === Infinity ? store.now() : start, end);
  }

  /** Draws what is in view. */
  function draw() {
    const first = printing ? 0 : Math.max(0, Math.floor(box.scrollTop / ROW) - BESIDE);
    const below = printing ? MOST_PRINTED : Math.ceil((box.scrollTop + box.clientHeight) / ROW) + BESIDE;
    const last = Math.min(order.length, below);
    const seen = order.slice(first, last);
    const focused =
      document.activeElement?.closest(".waterfall") && /** @type {HTMLElement} */ (document.activeElement).dataset.id;
    const wanted = new Set(seen.map(({ agent }) => agent.id));
    // Where the keyboard is stays, also out of view.
    if (focused && index.has(focused) && !wanted.has(focused)) seen.push(order[index.get(focused)]);
    if (chosen && index.has(chosen) && seen.every(({ agent }) => agent.id !== chosen))
      seen.push(order[index.get(chosen)]);
    const kept = new Set(seen.map(({ agent }) => agent.id));
    for (const [id, row] of rows) {
      if (kept.has(id)) continue;
      row.element.remove();
      rows.delete(id);
    }
    const time = axis.draw();
    for (const place of seen) {
      const { id } = place.agent;
      let row = rows.get(id);
      if (!row) {
        row = new Row(id, session, toggle);
        rows.set(id, row);
        spacer.append(row.element);
      }
      const at = index.get(id);
      const state = { chosen: chosen === id, collapsed: collapsed.has(id), reachable: chosen === null && at === 0 };
      row.show(place, at, time, histories.of(place.agent), marks(id), state);
    }
    histories.want(seen.map(({ agent }) => agent.id));
  }

  function toggle(id) {
    if (!collapsed.delete(id)) collapsed.add(id);
    arrange();
  }

  /** The keys of a tree, and of the axis. */
  function keydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (axis.key(event)) return event.preventDefault();
    const id = event.target.closest("[role=treeitem]")?.dataset.id;
    const at = index.get(id);
    if (at === undefined) return;
    const { depth, below } = order[at];
    const parent = () => order.slice(0, at).findLastIndex((other) => other.depth < depth);
    const go = {
      ArrowDown: () => focus(at + 1),
      ArrowUp: () => focus(at - 1),
      Home: () => focus(0),
      End: () => focus(order.length - 1),
      ArrowRight: () => (below > 0 && collapsed.has(id) ? toggle(id) : focus(at + (below > 0))),
      ArrowLeft: () => (below > 0 && !collapsed.has(id) ? toggle(id) : focus(parent())),
    }[event.key];
    if (!go) return;
    event.preventDefault();
    go();
  }

  function focus(at) {
    const place = order[at];
    if (!place) return;
    reveal(at);
    draw();
    rows.get(place.agent.id)?.element.focus({ preventScroll: true });
  }

  function reveal(at) {
    // The head covers the first rows of the box.
    const [top, room] = [at * ROW, box.clientHeight - HEAD];
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + ROW > box.scrollTop + room) box.scrollTop = top + ROW - room;
  }

  const arrangeSoon = throttled(arrange, ARRANGE);
  const print = (event) => {
    printing = event.type === "beforeprint";
    draw();
  };
  for (const when of ["beforeprint", "afterprint"]) addEventListener(when, print);
  const resized = new ResizeObserver(() => draw());
  resized.observe(box);
  return {
    element,
    arrange,
    /** Agents have changed. */
    changed(ids) {
      for (const id of ids) histories.changed(agents.get(id));
      arrangeSoon();
    },
    draw,
    first: () => order[0]?.agent.id,
    choose(id) {
      if (chosen === id) return;
      chosen = id;
      if (index.has(id)) reveal(index.get(id));
      draw();
    },
    tick() {
      if (!document.hidden) draw();
    },
    unmount() {
      arrangeSoon.stop();
      drawSoon.stop();
      histories.close();
      resized.disconnect();
      for (const when of ["beforeprint", "afterprint"]) removeEventListener(when, print);
    },
  };
}

/** What the colours and the marks mean. */
function legend() {
  const status = (name) => h("span", { data: { status: name } }, h("i", { class: "seg" }), capital(name));
  return h(
    "p",
    { class: "legend" },
    RUNNING.map(status),
    h("span", {}, h("i", { class: "dot" }), "Prompt"),
    h("span", {}, h("i", { class: "dot at-call" }), "Tool call"),
  );
}
