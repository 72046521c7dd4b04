// All definitions: what agents can be started from.

import * as api from "./api.js";
import { newDefinition } from "./actions.js";
import * as definitions from "./definitions.js";
import { h, icon, throttled } from "./dom.js";
import { time } from "./format.js";
import * as notify from "./notify.js";
import { change, to } from "./route.js";

const PAGE = 100;
const LEAST_PAUSE = 500;

export function mount(root, first) {
  let params = first;
  let next = null;
  let asked = 0;
  const typed = throttled(() => change({ q: text.value.trim() }), 200);
  const text = h("input", {
    type: "search",
    maxlength: "200",
    placeholder: "Name or description",
    "aria-label": "Search definitions",
    on: { input: typed },
  });
  const body = h("tbody");
  const head = ["Name", "Type", "Model", "Description", "Changed", "State"];
  const table = h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        head.map((name) => h("th", { scope: "col", text: name })),
      ),
    ),
    body,
  );
  const note = h("p", { class: "note", role: "status", text: "Loading" });
  const more = h("button", { class: "more", type: "button", text: "Show more", hidden: true, on: { click: older } });
  root.append(
    h("h1", { text: "Definitions" }),
    h(
      "form",
      { class: "filter", role: "search", on: { submit: (event) => event.preventDefault() } },
      h("span", { class: "search" }, icon("search"), text),
      h("button", { type: "button", text: "New definition", on: { click: newDefinition } }),
    ),
    note,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Definitions" }, table),
    more,
  );

  async function load() {
    const mine = ++asked;
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (params.get("q")) query.set("q", params.get("q"));
    try {
      const page = await api.page(`/api/agents?${query}`);
      if (mine !== asked) return;
      next = page.next;
      body.replaceChildren(...page.rows.map(line));
      table.hidden = page.rows.length === 0;
      note.textContent =
        page.rows.length > 0 ? "" : params.get("q") ? "No definition matches." : "There are no definitions yet.";
      more.hidden = next === null;
    } catch (error) {
      note.textContent = `The definitions cannot be read: ${error.message}`;
    }
  }

  async function older() {
    try {
      const page = await api.page(next);
      next = page.next;
      body.append(...page.rows.map(line));
      more.hidden = next === null;
    } catch (error) {
      notify.failed("More definitions cannot be read", error);
    }
  }

  function line(row) {
    const turn = h("button", {
      type: "button",
      "aria-pressed": String(row.is_active),
      "aria-label": `${row.name} is active`,
      text: row.is_active ? "Active" : "Inactive",
      on: { click: () => activate(row, turn) },
    });
    return h(
      "tr",
      { data: { id: row.id } },
      h(
        "th",
        { scope: "row" },
        h("a", { href: to("board", "", { q: row.name }), dir: "auto", title: row.id, text: row.name }),
      ),
      h("td", { text: row.agent_type }),
      h("td", { text: row.default_model ?? "" }),
      h("td", { class: "long", dir: "auto", text: row.description ?? "" }),
      h("td", { text: time(row.updated_at) }),
      h("td", {}, turn),
    );
  }

  async function activate(row, button) {
    button.disabled = true;
    try {
      const changed = await api.patch(`/api/agents/${encodeURIComponent(row.id)}`, { is_active: !row.is_active });
      definitions.apply({ definitions: [changed] });
    } catch (error) {
      notify.failed("Not changed", error);
      button.disabled = false;
    }
  }

  const soon = throttled(load, LEAST_PAUSE);
  const unlisten = definitions.listen(soon);
  function show() {
    if (document.activeElement !== text) text.value = params.get("q") ?? "";
    load();
  }
  show();
  return {
    route(changed) {
      params = changed;
      show();
    },
    unmount() {
      unlisten();
      typed.stop();
      soon.stop();
      asked++;
    },
  };
}
