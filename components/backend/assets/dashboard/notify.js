// Tells what went wrong, or well, in a corner of the page; a screen reader reads errors out at once.

import { h, icon } from "./dom.js";

const STAYS = 8000;

export function failed(what, error) {
  console.debug(what, error);
  show(document.getElementById("alerts"), "error", `${what}: ${error.message}`);
}

export function done(text) {
  show(document.getElementById("notes"), "done", text);
}

function show(region, kind, text) {
  for (const shown of region.children) if (shown.dataset.text === text) shown.remove();
  const close = () => toast.remove();
  const button = h("button", { class: "quiet", "aria-label": "Dismiss", on: { click: close } }, icon("close"));
  const toast = h("div", { class: `toast ${kind}`, data: { text } }, h("span", { text }), button);
  region.append(toast);
  setTimeout(close, STAYS);
}
