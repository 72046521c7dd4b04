// All sessions, the newest first: what their agents do and cost.

import * as api from "./api.js";
import { h, icon, throttled } from "./dom.js";
import { count, money, time } from "./format.js";
import { change, to } from "./route.js";
import { STATUSES } from "./status.js";
import * as store from "./store.js";

const LEAST_PAUSE = 1000;
/** How many are shown until somebody wants more, and how many more then. */
const AT_ONCE = 50;

export function mount(root, first) {
  let params = first;
  const body = h("tbody");
  const head = ["Session", "Agents", "Started", "Last change", "Tokens in", "Tokens out", "Cost"];
  const table = h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        head.map((text) => h("th", { scope: "col", text })),
      ),
    ),
    body,
  );
  const note = h("p", { class: "note", role: "status" });
  const more = h("button", { class: "more", type: "button", text: "Show older", hidden: true, on: { click: older } });
  const typed = throttled(() => change({ q: text.value.trim() }), 200);
  const text = h("input", {
    type: "search",
    placeholder: "Name",
    "aria-label": "Search sessions",
    on: { input: typed },
  });
  const filter = h(
    "form",
    { class: "filter", role: "search", on: { submit: (event) => event.preventDefault() } },
    h("span", { class: "search" }, icon("search"), text),
  );
  root.append(
    h("h1", { text: "Sessions" }),
    filter,
    note,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Sessions" }, table),
    more,
  );
  const drawn = new Map();
  let next = null;
  let extended = false;

  /** The row of a session: the same one, as long as it says the same, for who is about to click it. */
  function line(session) {
    const text = JSON.stringify(session);
    let known = drawn.get(session.session_id);
    if (known?.text !== text) {
      known = { text, row: newLine(session) };
      drawn.set(session.session_id, known);
    }
    return known.row;
  }

  async function load() {
    const wanted = params.get("q") ?? "";
    try {
      const query = new URLSearchParams({ limit: String(AT_ONCE) });
      if (wanted) query.set("q", wanted);
      const { rows, next: following } = await api.some(`/api/runtime/sessions?${query}`, AT_ONCE);
      // Another name was typed meanwhile.
      if (wanted !== (params.get("q") ?? "")) return;
      const none = wanted ? "No session matches." : "There are no sessions yet.";
      note.textContent = rows.length === 0 ? none : "";
      table.hidden = rows.length === 0;
      const known = new Set(rows.map((row) => row.session_id));
      // What was loaded beyond the first page stays.
      const rest = extended ? [...body.children].filter((row) => !known.has(row.dataset.session)) : [];
      const focused = /** @type {HTMLElement} */ (document.activeElement);
      body.replaceChildren(...rows.map(line), ...rest);
      if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
      if (!extended) next = following;
      more.hidden = next === null;
    } catch (error) {
      note.textContent = `The sessions cannot be read: ${error.message}`;
    }
  }

  async function older() {
    try {
      const { rows, next: following } = await api.some(next, AT_ONCE);
      extended = true;
      next = following;
      body.append(...rows.map(line));
      more.hidden = next === null;
    } catch (error) {
      note.textContent = `Older sessions cannot be read: ${error.message}`;
    }
  }

  const refresh = throttled(load, LEAST_PAUSE);
  const unlisten = store.listen(refresh);
  function show() {
    extended = false;
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
      typed.stop();
      unlisten();
      refresh.stop();
    },
  };
}

function newLine(session) {
  const name = session.session_id;
  const link = h("a", { href: to("sessions", name), dir: "auto", title: name, text: name });
  const cell = (text) => h("td", { class: "number", text });
  return h(
    "tr",
    { data: { session: session.session_id } },
    h("th", { scope: "row" }, link),
    h("td", {}, tally(session.agents)),
    h("td", { text: time(session.started_at) }),
    h("td", { text: time(session.updated_at) }),
    cell(count(session.tokens_input)),
    cell(count(session.tokens_output)),
    cell(money(session.cost_usd)),
  );
}

/** How many agents have which status; none is not said. */
export function tally({ by_status: statuses }) {
  const shown = STATUSES.filter((status) => statuses[status] > 0);
  return h(
    "ul",
    { class: "tally" },
    shown.map((status) =>
      h(
        "li",
        { data: { status }, title: status },
        icon(status),
        h("span", { text: String(statuses[status]) }),
        h("span", { class: "hidden", text: ` ${status}` }),
      ),
    ),
  );
}
