// Deletes agents: asks first, says what goes with them, and sends nothing as long as it can be undone.

import { ask, each, nameOf } from "./actions.js";
import * as api from "./api.js";
import { h } from "./dom.js";
import { plural } from "./format.js";
import * as notify from "./notify.js";
import { isFinished } from "./status.js";
import * as store from "./store.js";

/** More than so many are deleted at once: whoever leaves the page could not be sure that all of it is sent. */
const MOST_HELD = 50;
/** How many of several agents are named. */
const NAMED = 5;
/** Ids of agents, by deletion, of which nothing is sent yet. */
const held = new Set();

/** Deletes the agents, if the person is sure. Gives whether. */
export async function remove(agents) {
  const what = agents.length === 1 ? nameOf(agents[0]) : plural(agents.length, "agent");
  const undone = agents.length <= MOST_HELD;
  let gone = [];
  const sure = await ask({
    title: `Delete ${what}?`,
    body: [...about(agents), h("p", { text: undone ? "You can undo it for some seconds." : "This cannot be undone." })],
    action: "Delete",
    danger: true,
    submit: async () => {
      if (!undone) gone = await deleteAll(agents);
    },
  });
  if (sure && undone) hold(agents, what);
  else if (sure) notify.done(`${plural(gone.length, "agent")} deleted`);
  return sure;
}

/** What a deletion means. */
function about(agents) {
  const running = agents.filter((agent) => !isFinished(agent.status)).length;
  if (agents.length === 1)
    return [
      running > 0 && h("p", { text: "It is still at work, and hears of it with its next request." }),
      h("p", { text: "Its prompts, logs, messages and history go with it; agents that it started stay." }),
    ];
  const sessions = new Set(agents.map((agent) => agent.session_id)).size;
  const busy =
    running > 0
      ? ` ${running} of them ${running === 1 ? "is" : "are"} still at work, and ${running === 1 ? "hears" : "hear"} of it with ${running === 1 ? "its" : "their"} next request.`
      : "";
  return [
    h("p", { text: `They are of ${plural(sessions, "session")}.${busy}` }),
    h(
      "ul",
      { class: "names" },
      agents.slice(0, NAMED).map((agent) => h("li", {}, h("bdi", { text: nameOf(agent) }))),
    ),
    agents.length > NAMED && h("p", { text: `and ${agents.length - NAMED} more` }),
    h("p", { text: "Their prompts, logs, messages and history go with them; agents that they started stay." }),
  ];
}

/** Hides the agents, and deletes them when the chance to undo it is over. */
function hold(agents, what) {
  const ids = agents.map(({ id }) => id);
  held.add(ids);
  store.hide(agents);
  notify.done(`${what} will be deleted`, { text: "Undo", run: undo, otherwise: send });

  async function undo() {
    if (!held.delete(ids)) throw new Error("it is deleted already");
    await store.reveal(ids);
  }

  async function send() {
    if (!held.delete(ids)) return;
    const gone = new Set((await deleteAll(agents)).map(({ id }) => id));
    await store.reveal(ids.filter((id) => !gone.has(id)));
  }
}

const deleteAll = (agents) => each(agents, ({ id }) => deleteAgent(id), "could not be deleted");

/** One that is gone already is what was wanted. */
async function deleteAgent(id) {
  try {
    await api.remove(`/api/runtime/agents/${encodeURIComponent(id)}`);
  } catch (error) {
    if (error.status !== 404) throw error;
  }
}

// Who leaves the page does not undo it any more. No answer is read then, and no turn waited for.
addEventListener("pagehide", () => {
  for (const id of [...held].flat()) deleteAgent(id).catch((error) => console.debug("deletion", error));
  held.clear();
});
