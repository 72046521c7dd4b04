// Says outside of the page that somebody waits: in the tab's title and icon, and on the desktop where that is allowed.

import { setText } from "./dom.js";
import * as messages from "./messages.js";
import * as store from "./store.js";

/** @type {HTMLLinkElement} */
const icon = document.querySelector("link[rel=icon]");
const plainIcon = icon.href;
let name = "Agents";
let shown = -1;
/** Questions that were told of, or were there before. */
let told = null;

/** Sets what the view is called. */
export function setTitle(view) {
  name = view;
  show();
}

/** Looks again. */
export function update() {
  const questions = messages.questions();
  if (told && document.hidden) for (const question of questions) if (!told.has(question.id)) tell(question);
  told = new Set(questions.map(({ id }) => id));
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

function tell(question) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const agent = store.get(question.agent_id);
  const shownOnce = new Notification(`${agent?.name ?? "An agent"} asks`, {
    body: question.message.slice(0, 300),
    tag: question.id,
  });
  shownOnce.onclick = () => {
    window.focus();
    location.hash = "#/needs";
  };
}
