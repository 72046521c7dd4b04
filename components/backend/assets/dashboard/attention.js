// Says outside of the page that somebody waits: in the tab's title and icon. desktop.js says it on the desktop.

import * as desktop from "./desktop.js";
import { setText } from "./dom.js";
import * as messages from "./messages.js";

/** @type {HTMLLinkElement} */
const icon = document.querySelector("link[rel=icon]");
const plainIcon = icon.href;
let name = "Agents";
let shown = -1;
/** Sets what the view is called. */
export function setTitle(view) {
  name = view;
  show();
}

/** Looks again. */
export function update() {
  desktop.update();
  show();
}

function show() {
  const waiting = messages.questions().length;
  setText(document.querySelector("title"), `${waiting > 0 ? `(${waiting}) ` : ""}${name} · Orchestrator`);
  if (waiting === shown) return;
  shown = waiting;
  icon.href = waiting > 0 ? withNumber(waiting) : plainIcon;
}

function withNumber(number) {
  const text = number > 9 ? "9+" : String(number);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#c03a1c"/><text x="16" y="23.5" font-family="sans-serif" font-size="${text.length > 1 ? 17 : 22}" font-weight="700" fill="#fff" text-anchor="middle">${text}</text></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
