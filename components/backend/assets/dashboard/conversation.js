// The conversation of an agent: its prompts, what was said, and what tools it called, in the order of time; and a line to
// say something.
//
// What is shown stays: something new is put in its place, and something that changes is changed where it is.

import * as api from "./api.js";
import { h } from "./dom.js";
import * as logFeed from "./log-feed.js";
import * as messages from "./messages.js";
import * as notify from "./notify.js";
import { isFinished } from "./status.js";
import { messageTurn, promptTurn, toolPrompt, toolTurn } from "./turn.js";

const PAGE = 30;
/** Who is so near the end follows it. */
const NEAR = 60;

/** `prompts` follows those of the session; `wanted` is the id of a prompt to show. */
export function conversation(agent, prompts, wanted) {
  const turns = new Map();
  const earlier = h("button", {
    class: "more",
    type: "button",
    text: "Show earlier",
    hidden: true,
    on: { click: loadEarlier },
  });
  const list = h("div", { class: "turns" });
  const none = h("p", { class: "note", text: "Loading" });
  const box = h(
    "div",
    { class: "thread", tabindex: "0", role: "log", "aria-label": "Conversation", "aria-live": "off", on: { scroll } },
    earlier,
    list,
    none,
  );
  const down = h("button", {
    class: "fresh primary",
    type: "button",
    text: "New below",
    hidden: true,
    on: { click: toEnd },
  });
  const composer = composerOf(agent);
  const element = h("div", { class: "conversation" }, h("div", { class: "threadbox" }, box, down), composer.element);
  let open = true;
  /** Whether the end is in view, and to be kept there. */
  let following = true;
  const query = new URLSearchParams({ agent_id: agent.id });
  const sources = [
    {
      next: `/api/runtime/prompts?${query}&order=desc&limit=${PAGE}`,
      take: (rows) => prompts.take(rows) ?? addPrompts(rows),
    },
    { next: `/api/runtime/messages?${query}&limit=${PAGE}`, take: messages.take },
    { next: `/api/runtime/logs?${query}&log_type=tool_call&limit=${PAGE * 3}`, take: addTools },
  ].map((source) => ({ ...source, oldest: Infinity }));

  /** Reads a page of each source that has shown less far back than the others have. */
  async function load(which) {
    try {
      const found = await Promise.all(which.map((source) => api.page(source.next)));
      if (!open) return;
      which.forEach((source, index) => {
        const { rows, next } = found[index];
        source.next = next;
        source.oldest = rows.length > 0 ? Date.parse(rows.at(-1).created_at) : source.oldest;
        source.take(rows);
      });
      none.textContent = turns.size === 0 ? "Nothing yet." : "";
      earlier.hidden = sources.every((source) => !source.next);
    } catch (error) {
      if (open) none.textContent = `The conversation cannot be read: ${error.message}`;
    }
  }

  async function loadEarlier() {
    const more = sources.filter((source) => source.next);
    const latest = Math.max(...more.map((source) => source.oldest));
    const before = box.scrollHeight - box.scrollTop;
    following = false;
    await load(more.filter((source) => source.oldest === latest));
    box.scrollTop = box.scrollHeight - before;
  }

  function put(key, row, make) {
    const known = turns.get(key);
    if (known) return known.update(row);
    const turn = make(row);
    turns.set(key, turn);
    none.textContent = "";
    // What is new is at the end, mostly.
    let before = list.lastElementChild;
    turn.element.at = turn.at;
    while (before && before.at > turn.at) before = before.previousElementSibling;
    if (before) before.after(turn.element);
    else list.prepend(turn.element);
  }

  /** Changes the list, and keeps the end in view for who has it in view. */
  function changing(change) {
    const last = list.lastElementChild;
    change();
    if (following) toEnd();
    else if (last && list.lastElementChild !== last) down.hidden = false;
  }

  function addPrompts(rows) {
    const mine = rows.filter((row) => row.agent_id === agent.id);
    changing(() => {
      for (const row of mine)
        put(
          row.id,
          row,
          row.prompt_type === "tool_call" ? toolPrompt : (prompt) => promptTurn(prompt, agent.session_id),
        );
    });
  }

  function addMessages(rows) {
    const mine = rows.filter((row) => row.agent_id === agent.id);
    // An answer changes what it answers.
    for (const turn of turns.values()) turn.refresh?.();
    changing(() => {
      for (const row of mine) put(row.id, row, messageWithRefresh);
    });
  }

  function messageWithRefresh(row) {
    const turn = messageTurn(row, () => agent.name);
    let last = row;
    return {
      ...turn,
      update(next) {
        last = next;
        turn.update(next);
      },
      refresh: () => turn.update(last),
    };
  }

  function addTools(rows) {
    const calls = rows.filter((row) => row.agent_id === agent.id && row.log_type === "tool_call");
    changing(() => {
      for (const row of calls) put(`log ${row.id}`, row, toolTurn);
    });
  }

  function scroll() {
    following = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
    if (following) down.hidden = true;
  }

  function toEnd() {
    box.scrollTop = box.scrollHeight;
    following = true;
    down.hidden = true;
  }

  async function showPrompt(id) {
    if (!id) return;
    try {
      if (!turns.has(id)) addPrompts([await api.get(`/api/runtime/prompts/${encodeURIComponent(id)}`)]);
    } catch (error) {
      notify.failed("The prompt cannot be read", error);
    }
    const turn = turns.get(id);
    if (!turn || !open) return;
    following = false;
    list.querySelector(".here")?.classList.remove("here");
    turn.element.classList.add("here");
    turn.element.scrollIntoView({ block: "start" });
  }

  const unlisten = [messages.listen(addMessages), logFeed.listen({ entries: addTools, behind: () => readTools() })];

  async function readTools() {
    try {
      const rows = await api.get(`/api/runtime/logs?${query}&log_type=tool_call&limit=${PAGE * 3}`);
      if (open) addTools(rows);
    } catch (error) {
      console.debug("tool calls", error);
    }
  }

  addPrompts(prompts.of(agent.id));
  load(sources).then(() => open && showPrompt(wanted));
  return {
    element,
    addPrompts,
    showPrompt,
    /** The part is in view now. */
    shown: () => following && toEnd(),
    update(next) {
      const known = agent.name;
      agent = next;
      if (agent.name !== known) for (const turn of turns.values()) turn.refresh?.();
      composer.update(next);
    },
    close() {
      open = false;
      for (const stop of unlisten) stop();
    },
  };
}

/** Where a person writes to the agent. */
function composerOf(first) {
  let agent = first;
  const text = h("textarea", { rows: "1", dir: "auto", on: { keydown } });
  const send = h("button", { class: "primary", type: "submit", text: "Send" });
  const element = h("form", { class: "composer", on: { submit } }, text, send);

  function update(next) {
    agent = next;
    const ended = isFinished(agent.status);
    const words = ended ? "It has ended: nobody would read a message" : `Message ${agent.name ?? "the agent"}`;
    text.disabled = ended;
    send.disabled = ended;
    text.placeholder = words;
    text.setAttribute("aria-label", words);
  }

  function keydown(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    element.requestSubmit();
  }

  async function submit(event) {
    event.preventDefault();
    const said = text.value.trim();
    if (!said || send.disabled) return;
    send.disabled = true;
    try {
      await messages.say(said, { agent_id: agent.id });
      text.value = "";
    } catch (error) {
      notify.failed("Not sent", error);
    }
    update(agent);
  }

  update(agent);
  return { element, update };
}
