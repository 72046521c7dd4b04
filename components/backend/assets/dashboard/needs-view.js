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

const HOUR = 3_600_000;
const RANGES = { "": "Since you last looked", hour: "Last hour", day: "Last 24 hours", week: "Last 7 days" };
const BACK = { hour: HOUR, day: 24 * HOUR, week: 7 * 24 * HOUR };
/** How many of a kind are listed. */
const MOST = 50;
const LEAST_PAUSE = 500;

export function mount(root, first) {
  let params = first;
  const list = new QuestionList();
  const none = h("p", { class: "note", role: "status" });
  const groups = h("div", { class: "groups" });
  const calm = h("p", { class: "note" });
  const range = h(
    "select",
    { "aria-label": "Which failures", on: { change: () => change({ since: range.value }) } },
    Object.entries(RANGES).map(([value, text]) => h("option", { value, text })),
  );
  const seen = h("button", { type: "button", text: "Mark as seen", on: { click: failures.look } });
  const allow = h("button", { type: "button", text: "Notify me on the desktop", on: { click: askToNotify } });
  root.append(
    h("div", { class: "row" }, h("h1", { text: "Needs you" }), allow),
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
    allow.hidden = !("Notification" in window) || Notification.permission !== "default";
    range.value = params.get("since") in BACK ? params.get("since") : "";
    const from = BACK[range.value] ? store.now() - BACK[range.value] : failures.lastLooked();
    const failed = failures.since(from);
    seen.hidden = failures.unseen() === 0;
    setText(calm, failed.length === 0 ? "None." : "");
    draw(failures.grouped(failed));
  }

  function draw(kinds) {
    const opened = new Set([...groups.querySelectorAll("details[open]")].map((details) => details.dataset.kind));
    groups.replaceChildren(
      ...kinds.map(({ kind, members }) =>
        h(
          "details",
          { class: "group", data: { kind }, open: opened.has(kind) || kinds.length === 1 },
          h(
            "summary",
            {},
            icon("failed"),
            h("span", { class: "kind-of", dir: "auto", text: kind }),
            h("span", { class: "count", text: `× ${exact(members.length)}` }),
            h("span", { class: "age", text: `${brief(store.now() - failures.failedAt(members[0]))} ago` }),
          ),
          h("ul", {}, members.slice(0, MOST).map(failed)),
          members.length > MOST && h("p", { class: "note", text: `and ${exact(members.length - MOST)} more` }),
        ),
      ),
    );
  }

  /** The page holds the newest agents, and older ones may have failed. */
  function read() {
    failures.read().catch((error) => notify.failed("Failures cannot be read", error));
  }

  async function askToNotify() {
    const answer = await Notification.requestPermission();
    notify.done(
      answer === "granted"
        ? "A question shows on your desktop while you look elsewhere"
        : "The browser does not allow it",
    );
    show();
  }

  const soon = throttled(show, LEAST_PAUSE);
  const changed = (_, whole) => {
    if (whole) read();
    soon();
  };
  const unlisten = [store.listen(changed), messages.listen(show), failures.listen(show)];
  show();
  read();
  return {
    route(next) {
      params = next;
      show();
    },
    tick: () => list.tick(),
    focus: () => list.focus(),
    unmount() {
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
