// Tells what went wrong, or well, in a corner of the page; a screen reader reads errors out at once.

import { h, icon } from "./dom.js";

const STAYS = 8000;
/** What may be done about what is told at the moment, the newest last. */
const actions = [];

export function failed(what, error) {
  console.debug(what, error);
  show(document.getElementById("alerts"), "error", `${what}: ${error.message}`);
}

/**
 * `action`: what a person may do about it, and what happens where nobody did while it was told.
 *
 * @param {string} text
 * @param {{text: string, run: () => unknown, otherwise?: () => unknown}} [action]
 */
export function done(text, action) {
  show(document.getElementById("notes"), "done", text, action);
}

/** Does what the newest that is told offers, for who has no mouse. */
export function act() {
  actions.at(-1)?.();
}

function show(region, kind, text, action) {
  for (const shown of region.children) if (shown.dataset.text === text && !shown.dataset.action) shown.remove();
  const button = h("button", { class: "quiet", "aria-label": "Dismiss", on: { click: close } }, icon("close"));
  const act = action && h("button", { type: "button", on: { click: run } }, action.text, h("kbd", { text: "U" }));
  const toast = h("div", { class: `toast ${kind}`, data: { text } }, h("span", { text }), act, button);
  let timer = 0;
  let open = true;

  /** Ends it. Gives whether it was there. */
  function end() {
    const was = open;
    open = false;
    clearTimeout(timer);
    if (actions.includes(run)) actions.splice(actions.indexOf(run), 1);
    toast.remove();
    return was;
  }

  function close() {
    if (end()) action?.otherwise?.();
  }

  async function run() {
    if (!end()) return;
    try {
      await action.run();
    } catch (error) {
      failed(action.text, error);
    }
  }

  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(close, STAYS);
  };
  // Who is about to do something about it has the time.
  for (const event of ["mouseenter", "focusin"]) toast.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["mouseleave", "focusout"]) toast.addEventListener(event, () => open && wait());
  if (action) {
    toast.dataset.action = action.text;
    actions.push(run);
  }
  region.append(toast);
  wait();
}
