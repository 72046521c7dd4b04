// The frame around the views: navigation, the badge, the banner, the theme, the clock.

import * as api from "./api.js";
import { askForToken, newDefinition } from "./actions.js";
import { setText, throttled } from "./dom.js";
import { span } from "./format.js";
import * as health from "./health.js";
import * as messages from "./messages.js";
import * as workflows from "./workflows.js";
import * as definitions from "./definitions.js";
import { Feed } from "./live.js";
import * as logFeed from "./log-feed.js";
import * as notify from "./notify.js";
import { read } from "./route.js";
import * as store from "./store.js";
import * as attention from "./attention.js";
import * as find from "./find.js";
import * as keys from "./keys.js";
import * as failures from "./failures.js";
import { needsBar } from "./needs.js";
import { mount as needs } from "./needs-view.js";
import { mount as board } from "./board.js";
import { mount as charts } from "./charts.js";
import { mount as logs } from "./logs.js";
import { mount as session } from "./session.js";
import { mount as definitionsView } from "./definitions-view.js";
import { mount as sessions } from "./sessions.js";
import { mount as system } from "./system.js";

const VIEWS = { needs, board, sessions, session, definitions: definitionsView, logs, system, charts };
/** What an address may name; `session` is `sessions` with an id. */
const PLAIN = Object.keys(VIEWS).filter((name) => name !== "session");
const WORDS = {
  live: ["live", "Every change shows as it happens"],
  polling: ["polling", "This host has no live feed: the list is read every few seconds"],
  stale: ["stale", "The server reads no changes at the moment: what is shown may be old"],
  locked: ["no token", "The server wants a token: what is shown may be old"],
  reconnecting: ["reconnecting", "The connection is lost: what is shown may be old"],
};

/** By how many milliseconds the clocks have to differ to be told. */
const CLOCK_DIFFERS = 5000;

const main = document.getElementById("main");
const badge = document.getElementById("badge");
const banner = document.getElementById("banner");
const unlock = document.getElementById("unlock");
const frames = {
  agent_update: store.apply,
  definition_update: definitions.apply,
  workflow_update: workflows.apply,
  message: messages.apply,
  log: logFeed.apply,
  poll: async () => {
    await definitions.poll();
    await store.poll();
    await messages.poll();
    logFeed.poll();
  },
};
const feed = new Feed(frames, showState);
const bar = needsBar();
let readOnly = false;
let shown = { name: "", id: "", view: null };

/** Shows what the address says. A view that is shown already is only told. */
function route() {
  const { view, id, params } = read();
  const name = view === "sessions" && id ? "session" : PLAIN.includes(view) ? view : "board";
  if (shown.name === name && shown.id === id) return shown.view.route(params);
  shown.view?.unmount();
  main.replaceChildren();
  main.className = name;
  const first = shown.name === "";
  shown = { name, id, view: VIEWS[name](main, params, id) };
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const links = document.querySelectorAll("#views a");
  for (const link of links) {
    const here = link.hash.slice(2) === (name === "session" ? "sessions" : name);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  attention.setTitle(main.querySelector("h1")?.textContent ?? "Agents");
  showNeeds();
  if (!first) main.focus({ preventScroll: true });
}

function showState(state) {
  const [word, sentence] = WORDS[state];
  badge.dataset.state = state;
  setText(badge, readOnly ? `${word}, read only` : word);
  const clock = Math.abs(store.clockOffset()) > CLOCK_DIFFERS ? `. ${clockSentence(store.clockOffset())}` : "";
  badge.title = sentence + (readOnly ? ". The token may only read" : "") + clock;
  unlock.hidden = state !== "locked";
}

function clockSentence(offset) {
  return `The server's clock is ${span(Math.abs(offset))} ${offset > 0 ? "ahead of" : "behind"} this one; ages are by the server's`;
}

/** Says above each view what is wrong with the database. A screen reader reads it out once, not with every second. */
function showHealth() {
  const { status, detail, writable, blocked_for_seconds: seconds } = health.current();
  const [what, since] = banner.children;
  let text = "";
  if (status === "unhealthy" && detail) text = `The database cannot be used: ${detail}`;
  else if (status === "unhealthy") text = "The database cannot be reached";
  else if (writable === false) text = "Another process holds the database: nothing can be written";
  banner.dataset.status = status ?? "";
  setText(what, text);
  setText(since, text && seconds ? ` since ${span(1000 * seconds)}` : "");
}

function showNeeds() {
  bar.show(shown.name === "needs");
  attention.update();
  const many = messages.questions().length;
  setText(document.getElementById("waiting"), many > 0 ? String(many) : "");
}

function changeTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
}

logFeed.connect(feed);
api.onTokenWanted(askForToken);
api.onUnavailable(health.doubt);
api.onForbidden(() => {
  readOnly = true;
  showState(badge.dataset.state);
});
health.listen(showHealth);
document.getElementById("theme").addEventListener("click", changeTheme);
document.getElementById("find").addEventListener("click", find.open);
document.getElementById("keys").addEventListener("click", keys.open);
document.getElementById("new-definition").addEventListener("click", newDefinition);
unlock.addEventListener("click", () => {
  api.askAgain();
  feed.retry();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // The part after `#` is ours.
  event.preventDefault();
  main.focus();
});
main.before(bar.element);
for (const source of [messages, failures]) source.listen(showNeeds);
store.listen(throttled(showNeeds, 500));
document.addEventListener("keydown", (event) => {
  const typing = /** @type {Element} */ (event.target).closest?.("input, textarea, select, dialog");
  if (event.key === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    find.open();
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  /** @type {HTMLInputElement} */
  const search = main.querySelector("input[type=search]");
  if (event.key === "/" && search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "?") {
    keys.open();
  } else if (event.key === "u") {
    notify.act();
  } else if (event.key === "n") {
    if (shown.name === "needs") shown.view.focus();
    else bar.focus();
  }
});
addEventListener("hashchange", route);
addEventListener("unhandledrejection", ({ reason }) => {
  if (reason?.name !== "AbortError") notify.failed("Something went wrong", reason);
});
setInterval(() => {
  shown.view?.tick?.();
  bar.tick();
}, 1000);

route();
health.run();
feed.run();
