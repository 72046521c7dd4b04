// The axis of time above the bars of a session: which piece of it is shown, and how that is chosen.

import { h } from "./dom.js";
import { span } from "./format.js";
import * as store from "./store.js";

/** The most lines on the axis, and how wide what is said at one is. */
const MOST_LINES = 8;
const LINE_ROOM = 62;
/** How far apart lines may be, in seconds; beyond, whole days. */
const STEPS = [
  ...[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60),
  ...[1, 2, 3, 6, 12].map((hours) => hours * 3600),
];
const DAY = 86_400_000;
/** How much of what is shown a step to the side is. */
const ASIDE = 0.25;
const ZOOM = 1.6;
/** The least that is shown, in milliseconds. */
const LEAST = 100;

/** `changed()` is called when another piece is shown. */
export function timeAxis(changed) {
  const element = h("div", { class: "axis", title: "Drag to look closer", on: { pointerdown } });
  /** The same lines through what is below the axis. */
  const lines = h("div", { class: "lines", "aria-hidden": "true" });
  const selection = h("span", { class: "selection", hidden: true });
  const tools = h(
    "div",
    { class: "zoom", role: "group", "aria-label": "Zoom" },
    tool("−", "Show more time, key −", () => zoom(ZOOM)),
    tool("+", "Look closer, key +; keys < and > go to the side", () => zoom(1 / ZOOM)),
    tool("Fit", "Fit: show all, key 0", () => show(null)),
  );
  let [start, end] = [store.now(), Infinity];
  /** The piece that is shown; null for all. */
  let piece = null;

  function tool(text, label, click) {
    return h("button", { class: "quiet", type: "button", text, title: label, "aria-label": label, on: { click } });
  }

  function bounds() {
    return piece ?? { from: start, until: Math.max(Math.min(end, store.now()), start + 1000) };
  }

  function show(wanted) {
    piece = wanted;
    changed();
  }

  /** Draws it, and gives what it shows. */
  function draw() {
    const { from, until } = bounds();
    const most = Math.max(1, Math.min(MOST_LINES, Math.floor(element.clientWidth / LINE_ROOM)));
    const step = distance((until - from) / most);
    const ticks = [];
    const marks = [];
    for (let at = Math.max(0, Math.ceil((from - start) / step)) * step; start + at < until; at += step) {
      const left = `${((start + at - from) / (until - from)) * 100}%`;
      ticks.push(placed(h("span", { class: "tick", text: words(at) }), left));
      marks.push(placed(h("span"), left));
    }
    element.replaceChildren(...ticks, selection);
    lines.replaceChildren(...marks);
    return { from, until };
  }

  function move(direction) {
    const { from, until } = bounds();
    const by = (until - from) * ASIDE * direction;
    show({ from: from + by, until: until + by });
  }

  /** The keys that choose a piece. Gives whether it was one of them. */
  function key(event) {
    const go = {
      "+": () => zoom(1 / ZOOM),
      "-": () => zoom(ZOOM),
      0: () => show(null),
      "<": () => move(-1),
      ">": () => move(1),
    }[event.key];
    go?.();
    return Boolean(go);
  }

  function zoom(factor, around = 0.5) {
    const { from, until } = bounds();
    const middle = from + (until - from) * around;
    const width = Math.max(LEAST, (until - from) * factor);
    show({ from: middle - width * around, until: middle + width * (1 - around) });
  }

  function wheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const place = element.getBoundingClientRect();
    zoom(event.deltaY > 0 ? ZOOM : 1 / ZOOM, Math.min(1, Math.max(0, (event.clientX - place.left) / place.width)));
  }

  /** Dragging on the axis chooses a piece of it. */
  function pointerdown(down) {
    const place = element.getBoundingClientRect();
    const share = (event) => Math.min(1, Math.max(0, (event.clientX - place.left) / place.width));
    const first = share(down);
    element.setPointerCapture(down.pointerId);
    const move = (event) => {
      const [a, b] = [first, share(event)].sort((x, y) => x - y);
      selection.hidden = b - a < 0.01;
      selection.style.left = `${a * 100}%`;
      selection.style.width = `${(b - a) * 100}%`;
    };
    const up = (event) => {
      element.removeEventListener("pointermove", move);
      selection.hidden = true;
      const [a, b] = [first, share(event)].sort((x, y) => x - y);
      if (b - a < 0.01) return;
      const { from, until } = bounds();
      show({ from: from + (until - from) * a, until: from + (until - from) * b });
    };
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", up, { once: true });
  }

  return {
    element,
    lines,
    tools,
    wheel,
    key,
    draw,
    /** When the session began and ended; the latter is `Infinity` while somebody is at work. */
    set(from, until) {
      [start, end] = [from, until];
    },
  };
}

/** How far apart lines are, at least `least` milliseconds. */
function distance(least) {
  const seconds = STEPS.find((step) => step * 1000 >= least);
  return seconds ? seconds * 1000 : Math.ceil(least / DAY) * DAY;
}

/** A time since the begin: `90s` is "1m 30s", and what is round says no zeros. */
function words(milliseconds) {
  if (milliseconds % 1000 !== 0) return `${milliseconds / 1000}s`;
  return span(milliseconds).replace(/ 0?0[hms]$/, "");
}

function placed(element, left) {
  element.style.left = left;
  return element;
}
