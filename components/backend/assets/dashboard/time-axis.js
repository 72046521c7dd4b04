// The axis of time above the bars of a session: which piece of it is shown, and how that is chosen.

import { h } from "./dom.js";
import { span } from "./format.js";
import * as store from "./store.js";

/** Lines on the axis, and how wide what is said at one is. */
const MOST_LINES = 6;
const LINE_ROOM = 76;
const ZOOM = 1.6;
/** The least that is shown, in milliseconds. */
const LEAST = 100;

/** `changed()` is called when another piece is shown. */
export function timeAxis(changed) {
  const element = h("div", { class: "axis", title: "Drag to look closer", on: { pointerdown } });
  const selection = h("span", { class: "selection", hidden: true });
  const tools = h(
    "div",
    { class: "zoom", role: "group", "aria-label": "Zoom" },
    tool("−", "Show more time", () => zoom(ZOOM)),
    tool("+", "Look closer", () => zoom(1 / ZOOM)),
    tool("Fit", "Fit: show all", () => show(null)),
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
    const lines = Math.max(1, Math.min(MOST_LINES, Math.floor(element.clientWidth / LINE_ROOM)));
    const ticks = Array.from({ length: lines }, (_, at) => {
      const share = at / lines;
      const tick = h("span", { class: "tick", text: span(from + (until - from) * share - start) });
      tick.style.left = `${share * 100}%`;
      return tick;
    });
    element.replaceChildren(...ticks, selection);
    return { from, until };
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
    tools,
    wheel,
    draw,
    /** When the session began and ended; the latter is `Infinity` while somebody is at work. */
    set(from, until) {
      [start, end] = [from, until];
    },
  };
}
