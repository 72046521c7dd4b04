// One search for everything: agents, sessions, workflows, definitions, log entries, views. Opened by Ctrl or ⌘ and K.

import { about } from "./about.js";
import * as api from "./api.js";
import * as definitions from "./definitions.js";
import { h, icon, throttled } from "./dom.js";
import { shortId, time } from "./format.js";
import { around } from "./entry.js";
import { to } from "./route.js";

const MOST = 6;
const PAUSE = 120;
const PLACES = [
  ["Needs you", to("needs")],
  ["Failed in the last hour", to("needs", "", { since: "hour" })],
  ["Board", to("board")],
  ["Running agents", to("board", "", { status: "initializing,planning,executing,reviewing" })],
  ["Sessions", to("sessions")],
  ["Definitions", to("definitions")],
  ["Logs", to("logs")],
  ["Errors in the last hour", to("logs", "", { level: "ERROR", last: "1h" })],
  ["System log", to("system")],
  ["Charts", to("charts")],
];

/** Where there is something to find: a name, and what finds it for a text. Each result has a text, more about it, a
 * place to go to, and may have an icon. */
/** @type {[string, (text: string, signal: AbortSignal) => Promise<any[]>][]} */
const SOURCES = [
  [
    "Go to",
    async (text) =>
      PLACES.filter(([name]) => name.toLowerCase().includes(text.toLowerCase())).map(([name, href]) => ({
        name,
        href,
      })),
  ],
  ["Agents", agents],
  ["Sessions", sessions],
  ["Workflows", workflows],
  ["Definitions", definedAgents],
  ["Log entries", logEntries],
];

/** The first rows of a list that have `text`. */
async function search(path, text, signal) {
  const query = new URLSearchParams({ q: text, limit: String(MOST) });
  const { rows } = await api.some(`${path}?${query}`, MOST, { signal });
  return rows.slice(0, MOST);
}

async function agents(text, signal) {
  if (!text) return [];
  const found = await search("/api/runtime/agents", text, signal);
  return found.map((agent) => ({
    name: `${definitions.nameOf(agent.orchestrator_agent_id) ?? "Unnamed"} ${shortId(agent.id)}`,
    more: [about(agent), agent.session_id].filter(Boolean).join(" · "),
    href: to("sessions", agent.session_id, { agent: agent.id }),
    icon: agent.status,
  }));
}

async function sessions(text, signal) {
  if (!text) return [];
  const found = await search("/api/runtime/sessions", text, signal);
  return found.map((session) => ({
    name: session.session_id,
    more: `${session.agents.total} agents, ${time(session.started_at)}`,
    href: to("sessions", session.session_id),
  }));
}

async function workflows(text, signal) {
  if (!text) return [];
  const found = await search("/api/runtime/workflows", text, signal);
  return found.map((row) => ({ name: row.adw_name, more: `${row.status} · ${row.id}`, href: to("sessions", row.id) }));
}

async function definedAgents(text, signal) {
  if (!text) return [];
  const found = await search("/api/agents", text, signal);
  return found.map((row) => ({
    name: row.name,
    more: row.description ?? row.agent_type,
    href: to("definitions", "", { q: row.name }),
  }));
}

async function logEntries(text, signal) {
  if (!text) return [];
  const found = await search("/api/runtime/logs", text, signal);
  const rows = found.map((row) => ({
    name: row.message,
    more: `${row.log_level} · ${time(row.created_at)}`,
    href: around(row),
  }));
  return rows.length > 0 ? [...rows, { name: `All entries with “${text}”`, href: to("logs", "", { q: text }) }] : [];
}

let dialog = null;

/** Opens the search, unless it is open. */
export function open() {
  if (dialog) return;
  const input = h("input", {
    type: "search",
    role: "combobox",
    placeholder: "Agents, sessions, workflows, definitions, log text, ids",
    "aria-label": "Find",
    "aria-expanded": "true",
    "aria-controls": "found",
    "aria-autocomplete": "list",
    autocomplete: "off",
    maxlength: "200",
    on: { input: () => soon(), keydown },
  });
  const list = h("div", { class: "found", id: "found", role: "listbox", "aria-label": "Found" });
  const note = h("p", { class: "note", role: "status" });
  dialog = h(
    "dialog",
    { class: "find", "aria-label": "Find", on: { close: end, click: outside } },
    h("div", { class: "search" }, icon("search"), input),
    note,
    list,
  );
  let abort = new AbortController();
  let chosen = 0;

  async function look() {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    const text = input.value.trim();
    const groups = SOURCES.map(() => []);
    const answers = SOURCES.map(async ([, find], index) => {
      try {
        groups[index] = await find(text, signal);
      } catch (error) {
        console.debug("find", error);
      }
      // What is there already is shown, while others are still looking.
      if (!signal.aborted) draw(groups);
    });
    await Promise.all(answers);
    if (!signal.aborted) note.textContent = list.querySelector("[role=option]") ? "" : `Nothing has “${text}” in it.`;
  }

  function draw(groups) {
    const shown = groups.map((rows, index) => [SOURCES[index][0], rows]).filter(([, rows]) => rows.length > 0);
    list.replaceChildren(
      ...shown.map(([name, rows], group) =>
        h(
          "div",
          { role: "group", "aria-label": name },
          h("p", { class: "of", "aria-hidden": "true", text: name }),
          rows.map((row, at) =>
            h(
              "a",
              {
                id: `found-${group}-${at}`,
                role: "option",
                href: row.href,
                tabindex: "-1",
                "aria-selected": "false",
                on: { click: close },
              },
              row.icon && h("span", { class: "mark", data: { status: row.icon } }, icon(row.icon)),
              h("span", { class: "name", dir: "auto", text: row.name }),
              row.more && h("span", { class: "more-of", dir: "auto", text: row.more }),
            ),
          ),
        ),
      ),
    );
    note.textContent = "";
    choose(0);
  }

  function choose(wanted) {
    const options = [...list.querySelectorAll("[role=option]")];
    chosen = Math.max(0, Math.min(wanted, options.length - 1));
    options.forEach((option, at) => option.setAttribute("aria-selected", String(at === chosen)));
    input.setAttribute("aria-activedescendant", options[chosen]?.id ?? "");
    options[chosen]?.scrollIntoView({ block: "nearest" });
  }

  function keydown(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) choose(chosen + step);
    else if (event.key === "Enter") list.querySelector("[aria-selected=true]")?.click();
    else return;
    event.preventDefault();
  }

  function outside(event) {
    if (event.target === dialog) dialog.close();
  }

  function close() {
    dialog?.close();
  }

  function end() {
    abort.abort();
    soon.stop();
    dialog.remove();
    dialog = null;
  }

  const soon = throttled(look, PAUSE);
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
  look();
}
