// Tells what went wrong, or well, in a corner of the page; a screen reader reads errors out at once.

import { h, icon } from "./dom.js";

const STAYS = 8000;

export function failed(what, error) {
  console.debug(what, error);
  show(document.getElementById("alerts"), "error", `${what}: ${error.message}`);
}

/** `action`: what a person may do about it, as `{text, run}`. */
export function done(text, action) {
  show(document.getElementById("notes"), "done", text, action);
}

function show(region, kind, text, action) {
  for (const shown of region.children) if (shown.dataset.text === text) shown.remove();
  const close = () => toast.remove();
  const button = h("button", { class: "quiet", "aria-label": "Dismiss", on: { click: close } }, icon("close"));
  const act = action && h("button", { type: "button", text: action.text, on: { click: run } });
  const toast = h("div", { class: `toast ${kind}`, data: { text } }, h("span", { text }), act, button);

  async function run() {
    close();
    try {
      await action.run();
    } catch (error) {
      failed(action.text, error);
    }
  }

  region.append(toast);
  setTimeout(close, STAYS);
}
