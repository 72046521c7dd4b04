// Says on the desktop that an agent asks something or has failed, where the browser may and nobody has the board in view.
//
// Of several tabs one says it: they agree by locks, which the browser keeps for all pages of an origin and frees with them.

import * as failures from "./failures.js";
import { plural } from "./format.js";
import * as messages from "./messages.js";
import { to } from "./route.js";
import * as store from "./store.js";

const IN_VIEW = "board in view";
const LONGEST = 300;
/** When the page had its first list, by the server's clock. What was there then is no news. */
let begin = null;
/** What is no news any more. */
const known = new Set();
let leave = () => {};

/** Looks for what is new. */
export function update() {
  if (!store.isLoaded() || !messages.isLoaded()) return;
  const first = begin === null;
  begin ??= store.now();
  const asked = messages.questions().filter(({ id }) => isNew(`question ${id}`));
  const failed = failures.since(begin).filter((agent) => isNew(keyOf(agent)));
  if (first || !document.hidden || !isAllowed()) return;
  for (const question of asked) tellQuestion(question);
  if (failed.length > 0) tellFailures(failed);
}

function isNew(key) {
  return !known.has(key) && known.add(key);
}

const keyOf = (agent) => `failure ${agent.id} ${failures.failedAt(agent)}`;

const isAllowed = () => "Notification" in window && Notification.permission === "granted" && "locks" in navigator;

async function tellQuestion(question) {
  if ((await isElsewhere()) || !(await claim(`question ${question.id}`))) return;
  tell(`${messages.askerOf(question)} asks`, question.message, to("needs", "", { question: question.id }));
}

/** However many fail at once, it is said once. */
async function tellFailures(agents) {
  if (await isElsewhere()) return;
  const ours = await Promise.all(agents.map((agent) => claim(keyOf(agent))));
  const mine = agents.filter((_, at) => ours[at]);
  if (mine.length === 0) return;
  const [{ id, name, session_id: session, error_message: error }] = mine;
  if (mine.length === 1) tell(`${name ?? "An agent"} failed`, error ?? "", to("sessions", session, { agent: id }));
  else tell(`${plural(mine.length, "agent")} failed`, failures.grouped(mine)[0].kind, to("needs"));
}

function tell(title, body, address) {
  const notification = new Notification(title, { body: body.slice(0, LONGEST), icon: "/dashboard/icon.svg" });
  notification.onclick = () => {
    window.focus();
    location.hash = address;
    notification.close();
  };
}

/** Whether another tab with the board is in view. */
async function isElsewhere() {
  const { held } = await navigator.locks.query();
  return held.some(({ name }) => name === IN_VIEW);
}

/** Whether it is for this tab to say it; no other is told so, as long as this one is open. */
function claim(key) {
  return new Promise((resolve) => {
    navigator.locks.request(`told: ${key}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {});
    });
  });
}

function showView() {
  leave();
  if (document.hidden || !("locks" in navigator)) return;
  navigator.locks.request(IN_VIEW, { mode: "shared" }, () => new Promise((resolve) => (leave = () => resolve(null))));
}

document.addEventListener("visibilitychange", showView);
showView();
