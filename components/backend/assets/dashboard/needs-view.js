// The view of all that needs a person.

import { about } from "./about.js";
import * as failures from "./failures.js";
import { h, icon, setText, throttled } from "./dom.js";
import { brief, exact, shortId } from "./format.js";
import * as messages from "./messages.js";
import { QuestionList } from "./needs.js";
import * as notify from "./notify.js";
import { change, to } from "./route.js";
import * as store from "./store.js";
import { RANGES, rangeOf, startOf } from "./time-range.js";

/** How many of a kind are listed. */
const MOST = 50;
const LEAST_PAUSE = 500;

export function mount(root, first) {
  let params = first;
  /** Whether there are more failures than were read. */
  let more = false;
  /** What is said where nothing failed that is known of. */
  let unlessFailed = "Loading";
  let abort = new AbortController();
  /** The groups that are shown, by kind. */
  let drawn = new Map();
  const list = new QuestionList();
  const none = h("p", { class: "note", role: "status" });
  const groups = h("div", { class: "groups" });
  const calm = h("p", { class: "note" });
  const range = h(
    "select",
    { "aria-label": "Which failures", on: { change: () => change({ since: range.value }) } },
    Object.entries({ "": "Since you last looked", ...RANGES }).map(([value, text]) => h("option", { value, text })),
  );
  const seen = h("button", { type: "button", text: "Mark as seen", on: { click: failures.look } });
  const allow = h("button", { type: "button", text: "Notify me on the desktop", on: { click: askToNotify } });
  const blocked = h("span", { class: "key", text: "The browser blocks notifications of this page", hidden: true });
  root.append(
    h("div", { class: "row" }, h("h1", { text: "Needs you" }), allow, blocked),
    h("section", { "aria-label": "Questions" }, none, list.element),
    h(
      "section",
      { "aria-label": "Failures" },
      h("div", { class: "filter" }, h("h2", { text: "Failures" }), range, seen),
      calm,
      groups,
    ),
  );

  function show() {
    const questions = messages.questions();
    list.show(questions);
    setText(none, questions.length === 0 ? "No agent waits for an answer." : "");
    const permission = "Notification" in window ? Notification.permission : "";
    allow.hidden = permission !== "default";
    blocked.hidden = permission !== "denied";
    range.value = rangeOf(params);
    const failed = failures.since(from());
    seen.hidden = failures.unseen() === 0;
    const newest = more ? `The newest ${exact(failed.length)}: there are more.` : "";
    setText(calm, failed.length > 0 ? newest : unlessFailed);
    draw(failures.grouped(failed));
  }

  const from = () => (rangeOf(params) ? startOf(rangeOf(params)) : failures.lastLooked());

  /** The address says which group is open, where there are several. One that is as it was keeps its node, so that a click in
   * the middle of it is not lost. */
  function draw(kinds) {
    const focused = /** @type {HTMLElement} */ (document.activeElement).closest("summary")?.parentElement.dataset.kind;
    const reason = params.get("reason");
    const before = drawn;
    drawn = new Map();
    for (const { kind, members } of kinds) {
      const open = kind === reason || kinds.length === 1;
      const state = JSON.stringify([open, members.length, members.slice(0, MOST)]);
      const old = before.get(kind);
      const node = old?.state === state ? old.node : group(kind, members, open);
      setText(node.querySelector(".age"), `${brief(store.now() - failures.failedAt(members[0]))} ago`);
      drawn.set(kind, { state, node });
    }
    const nodes = [...drawn.values()].map(({ node }) => node);
    if (nodes.length === groups.childElementCount && nodes.every((node, at) => node === groups.children[at])) return;
    groups.replaceChildren(...nodes);
    if (focused) groups.querySelector(`[data-kind="${CSS.escape(focused)}"] > summary`)?.focus({ preventScroll: true });
  }

  function group(kind, members, open) {
    return h(
      "details",
      { class: "group", data: { kind }, open },
      h(
        "summary",
        { on: { click: toggle } },
        icon("failed"),
        h("span", { class: "kind-of", dir: "auto", text: kind }),
        h("span", { class: "count", text: `× ${exact(members.length)}` }),
        h("span", { class: "age" }),
      ),
      h("ul", {}, members.slice(0, MOST).map(failed)),
      members.length > MOST && h("p", { class: "note", text: `and ${exact(members.length - MOST)} more` }),
    );
  }

  function toggle(event) {
    const { dataset, parentElement } = event.currentTarget.parentElement;
    // The only one is open anyway.
    if (parentElement.childElementCount === 1) return;
    event.preventDefault();
    change({ reason: dataset.kind === params.get("reason") ? "" : dataset.kind });
  }

  /** The page holds the newest agents, and older ones may have failed. */
  async function read() {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    try {
      more = await failures.read(from(), signal);
      await store.told();
      unlessFailed = "None.";
    } catch (error) {
      if (signal.aborted) return;
      unlessFailed = `Failures cannot be read: ${error.message}`;
    }
    show();
  }

  async function askToNotify() {
    const answer = await Notification.requestPermission();
    notify.done(
      answer === "granted"
        ? "A question or a failure shows on your desktop while you look elsewhere"
        : "The browser does not allow it",
    );
    show();
  }

  const soon = throttled(show, LEAST_PAUSE);
  const changed = (_, whole) => {
    if (whole) read();
    list.tick();
    soon();
  };
  const unlisten = [store.listen(changed), messages.listen(show), failures.listen(show)];
  /** The question that the address names gets the focus; the view itself has it first. */
  function focusWanted() {
    if (params.get("question")) queueMicrotask(() => list.focus(params.get("question")));
  }

  show();
  focusWanted();
  read();
  return {
    route(next) {
      const before = rangeOf(params);
      params = next;
      if (rangeOf(params) !== before) {
        [more, unlessFailed] = [false, "Loading"];
        read();
      }
      show();
      focusWanted();
    },
    tick: () => list.tick(),
    focus: () => list.focus(),
    unmount() {
      abort.abort();
      soon.stop();
      for (const stop of unlisten) stop();
    },
  };
}

function failed(agent) {
  return h(
    "li",
    {},
    h("a", {
      href: to("sessions", agent.session_id, { agent: agent.id }),
      text: `${agent.name ?? "Unnamed"} ${shortId(agent.id)}`,
    }),
    h("span", { class: "about", dir: "auto", text: about(agent) }),
    h("span", { class: "key", text: agent.session_id }),
    h("span", { class: "error", dir: "auto", text: agent.error_message ?? "" }),
    h("a", {
      href: to("logs", "", { agent: agent.id, level: "WARNING" }),
      text: "Log",
      "aria-label": `Log of ${shortId(agent.id)}`,
    }),
  );
}
