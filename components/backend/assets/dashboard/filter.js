// Which agents the board shows: by text, session and status, as the address says.

import { h, icon, setText, throttled } from "./dom.js";
import { about } from "./about.js";
import { capital, exact } from "./format.js";
import { change } from "./route.js";
import { STATUSES } from "./status.js";
import * as store from "./store.js";
import { RANGES, endOf, rangeOf, startOf } from "./time-range.js";

/** Reads the parameters, and gives whether an agent is wanted. */
export function reader(params) {
  const words = (params.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const session = params.get("session");
  const statuses = statusesOf(params);
  const range = rangeOf(params);
  return (agent) =>
    (!session || agent.session_id === session) &&
    (statuses.size === 0 || statuses.has(agent.status)) &&
    (!range || endOf(agent) >= startOf(range)) &&
    (words.length === 0 || matches(agent, words));
}

function matches(agent, words) {
  const text = [agent.name, agent.session_id, agent.id, agent.error_message, about(agent)].join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}

/** The query that finds agents on the server which the page may not hold: those with a text or of a time; null where the
 * parameters name neither. */
export function queryOf(params) {
  const range = rangeOf(params);
  const query = new URLSearchParams();
  if (params.get("q")) query.set("q", params.get("q"));
  if (range) query.set("since", new Date(startOf(range)).toISOString());
  if (query.size === 0) return null;
  if (params.get("session")) query.set("session_id", params.get("session"));
  const statuses = statusesOf(params);
  if (statuses.size > 0) query.set("status", [...statuses].join());
  return query;
}

export function statusesOf(params) {
  return new Set((params.get("status") ?? "").split(",").filter((status) => STATUSES.includes(status)));
}

/** The controls. */
export function filterBar(first) {
  let params = first;
  const typed = throttled(() => change({ q: text.value.trim() }), 150);
  const text = h("input", {
    type: "search",
    placeholder: "Name, task, session, id, error",
    "aria-label": "Search agents",
    on: { input: typed },
  });
  const range = h(
    "select",
    { "aria-label": "Any time", on: { change: () => change({ since: range.value }) } },
    Object.entries({ "": "Any time", ...RANGES }).map(([value, label]) => h("option", { value, text: label })),
  );
  const session = h("button", { class: "chip", type: "button", on: { click: () => change({ session: "" }) } });
  const chips = new Map(STATUSES.map((status) => [status, chip(status)]));
  const reset = h("button", {
    class: "quiet",
    type: "button",
    text: "Clear",
    on: { click: () => change({ q: "", session: "", status: "", since: "" }) },
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
    range,
    session,
    group,
    reset,
  );

  function chip(status) {
    const number = h("span", { class: "count" });
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

  /** How many agents of each status there are: `totals` are those of the server, where it can say. */
  function update(totals) {
    const counts = totals ?? held();
    for (const [status, { number }] of chips) setText(number, exact(counts[status] ?? 0));
  }

  /** What the page holds, whatever the status filter leaves of it. */
  function held() {
    const withoutStatus = new URLSearchParams(params);
    withoutStatus.delete("status");
    const wanted = reader(withoutStatus);
    const counts = {};
    for (const agent of store.all()) if (wanted(agent)) counts[agent.status] = (counts[agent.status] ?? 0) + 1;
    return counts;
  }

  function route(next) {
    params = next;
    const typedText = params.get("q") ?? "";
    if (document.activeElement !== text) text.value = typedText;
    const statuses = statusesOf(params);
    for (const [status, { button }] of chips) button.setAttribute("aria-pressed", String(statuses.has(status)));
    range.value = rangeOf(params);
    const only = params.get("session");
    session.hidden = !only;
    session.replaceChildren(h("span", { text: `session ${only}` }), icon("close"));
    session.setAttribute("aria-label", `Remove the filter session ${only}`);
    reset.hidden = !typedText && !only && !range.value && statuses.size === 0;
  }

  route(first);
  return { element, route, update, unmount: typed.stop };
}
