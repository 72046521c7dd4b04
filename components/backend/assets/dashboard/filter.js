// Which agents the board shows: by text, session and status, as the address says.

import { h, icon, setText, throttled } from "./dom.js";
import { capital } from "./format.js";
import { change } from "./route.js";
import { STATUSES } from "./status.js";
import * as store from "./store.js";

/** Reads the parameters, and gives whether an agent is wanted. */
export function reader(params) {
  const words = (params.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const session = params.get("session");
  const statuses = statusesOf(params);
  return (agent) =>
    (!session || agent.session_id === session) &&
    (statuses.size === 0 || statuses.has(agent.status)) &&
    words.every((word) => agent.search.includes(word));
}

function statusesOf(params) {
  return new Set((params.get("status") ?? "").split(",").filter((status) => STATUSES.includes(status)));
}

/** The controls. */
export function filterBar(first) {
  let params = first;
  const typed = throttled(() => change({ q: text.value.trim() }), 150);
  const text = h("input", {
    type: "search",
    placeholder: "Name, session, id, error",
    "aria-label": "Search agents",
    on: { input: typed },
  });
  const session = h("select", { "aria-label": "Session", on: { change: () => change({ session: session.value }) } });
  const chips = new Map(STATUSES.map((status) => [status, chip(status)]));
  const reset = h("button", {
    class: "quiet",
    type: "button",
    text: "Clear",
    on: { click: () => change({ q: "", session: "", status: "" }) },
  });
  const group = h(
    "div",
    { class: "chips", role: "group", "aria-label": "Status" },
    [...chips.values()].map(({ button }) => button),
  );
  const element = h(
    "form",
    { class: "filter", role: "search", on: { submit: (event) => event.preventDefault() } },
    h("span", { class: "search" }, icon("search"), text),
    session,
    group,
    reset,
  );

  function chip(status) {
    const number = h("span", { class: "count", text: "0" });
    const button = h(
      "button",
      { class: "chip", type: "button", data: { status }, "aria-pressed": "false", on: { click: () => toggle(status) } },
      icon(status),
      h("span", { class: "label", text: capital(status) }),
      number,
    );
    return { button, number };
  }

  function toggle(status) {
    const statuses = statusesOf(params);
    if (!statuses.delete(status)) statuses.add(status);
    change({ status: STATUSES.filter((known) => statuses.has(known)).join(",") });
  }

  /** Counts what is there, whatever the status filter leaves of it, so that one sees what another choice would show. */
  function update() {
    const withoutStatus = new URLSearchParams(params);
    withoutStatus.delete("status");
    const wanted = reader(withoutStatus);
    const counts = new Map(STATUSES.map((status) => [status, 0]));
    const sessions = new Map();
    for (const agent of store.all()) {
      if (wanted(agent)) counts.set(agent.status, counts.get(agent.status) + 1);
      sessions.set(agent.session_id, Math.max(agent.place, sessions.get(agent.session_id) ?? 0));
    }
    for (const [status, { number }] of chips) setText(number, String(counts.get(status)));
    listSessions([...sessions.keys()].sort());
  }

  /** The options, while nobody has the list open. */
  function listSessions(known) {
    if (document.activeElement === session) return;
    const chosen = params.get("session") ?? "";
    const names = ["", ...(chosen && !known.includes(chosen) ? [chosen] : []), ...known];
    const same =
      names.length === session.options.length && names.every((name, index) => session.options[index].value === name);
    if (!same)
      session.replaceChildren(...names.map((name) => h("option", { value: name, text: name || "All sessions" })));
    session.value = chosen;
  }

  function route(next) {
    params = next;
    if (document.activeElement !== text) text.value = params.get("q") ?? "";
    const statuses = statusesOf(params);
    for (const [status, { button }] of chips) button.setAttribute("aria-pressed", String(statuses.has(status)));
    reset.hidden = !params.get("q") && !params.get("session") && statuses.size === 0;
    update();
  }

  route(first);
  return { element, route, update, statuses: () => statusesOf(params), unmount: typed.stop };
}
