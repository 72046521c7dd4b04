// What a person can do here, each with its dialog: make a definition, stop an agent, give a token.
//
// deletions.js deletes agents.

import * as api from "./api.js";
import { h } from "./dom.js";
import { plural, shortId } from "./format.js";
import * as notify from "./notify.js";
import { isFinished } from "./status.js";
import * as store from "./store.js";

const TYPES = ["planner", "builder", "reviewer", "tester", "orchestrator", "utility"];
/** How many requests for several agents are made at once. */
const AT_ONCE = 6;
let dialogs = 0;

/** Asks an agent to stop. It reads that with its next heartbeat, and ends when it likes. */
export async function cancel(agent) {
  const path = `/api/runtime/agents/${encodeURIComponent(agent.id)}`;
  const ask = async (wanted) => store.take([await api.patch(path, { cancel_requested: wanted })]);
  try {
    await ask(true);
    notify.done(`${nameOf(agent)} is asked to stop`, { text: "Undo", run: () => ask(false) });
  } catch (error) {
    notify.failed(`${nameOf(agent)} could not be asked to stop`, error);
  }
}

/** Asks those of the agents that are at work to stop. */
export async function stopSeveral(agents) {
  const running = agents.filter((agent) => !isFinished(agent.status) && !agent.cancel_requested);
  const ask = (wanted) => (agent) =>
    api
      .patch(`/api/runtime/agents/${encodeURIComponent(agent.id)}`, { cancel_requested: wanted })
      .then((row) => store.take([row]));
  const asked = await each(running, ask(true), "could not be asked to stop");
  if (asked.length > 0)
    notify.done(`${plural(asked.length, "agent")} asked to stop`, {
      text: "Undo",
      run: () => each(asked, ask(false), "could not be told to go on"),
    });
  return true;
}

/** Does `act` with each agent, a few at once; says how many it failed for, and gives the others. */
export async function each(agents, act, failure) {
  const rest = [...agents];
  const done = [];
  let failed = 0;
  let last = null;
  const work = async () => {
    for (let agent; (agent = rest.shift());) {
      try {
        await act(agent);
        done.push(agent);
      } catch (error) {
        failed++;
        last = error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (failed > 0) notify.failed(`${plural(failed, "agent")} ${failure}`, last);
  return done;
}

/** Makes a definition. */
export async function newDefinition() {
  const name = h("input", { name: "name", required: true, maxlength: "255", autocomplete: "off", autofocus: true });
  const type = h(
    "select",
    { name: "agent_type" },
    TYPES.map((value) => h("option", { value, text: value })),
  );
  const description = h("textarea", { name: "description", rows: "3" });
  const model = h("input", { name: "default_model", autocomplete: "off" });
  const made = await ask({
    title: "New definition",
    body: [
      field("Name", name),
      field("Type", type),
      field("Description", description, "optional"),
      field("Default model", model, "optional"),
    ],
    action: "Create",
    submit: () => {
      const body = { name: name.value, agent_type: type.value };
      if (description.value) body.description = description.value;
      if (model.value) body.default_model = model.value;
      return api.post("/api/agents", body);
    },
  });
  if (made) notify.done(`${name.value} is there: agents can be started from it`);
}

/** Asks for a token; `again` where one was refused. Gives null where the person has none. */
export async function askForToken(again) {
  const token = h("input", { name: "token", type: "password", required: true, autocomplete: "off", autofocus: true });
  const text = again ? "The server does not take this token." : "The server wants a token.";
  const given = await ask({
    title: "Token",
    body: [h("p", { text: `${text} It is kept until this tab is closed.` }), field("Token", token)],
    action: "Use it",
    submit: async () => {},
  });
  return given ? token.value.trim() : null;
}

/** An agent in a sentence. */
export function nameOf(agent) {
  return `${agent.name ?? "Agent"} ${shortId(agent.id)}`;
}

function field(label, input, hint = "") {
  input.id = `field-${input.name}`;
  const fault = h("span", { class: "fault", id: `${input.id}-fault` });
  input.setAttribute("aria-describedby", fault.id);
  return h(
    "div",
    { class: "field" },
    h("label", { for: input.id }, label, hint && h("span", { class: "hint", text: ` ${hint}` })),
    input,
    fault,
  );
}

/** Shows a dialog until its action has succeeded (true) or somebody closed it (false). */
export function ask({ title, body, action, danger = false, submit }) {
  return new Promise((resolve) => {
    const id = `dialog-${++dialogs}`;
    const alert = h("p", { class: "fault", role: "alert" });
    const button = h("button", { class: danger ? "danger" : "primary", type: "submit", text: action });
    const close = h("button", { class: "quiet", type: "button", text: "Close", on: { click: () => dialog.close() } });
    const form = h(
      "form",
      { on: { submit: send } },
      h("h2", { id, text: title }),
      body,
      alert,
      h("div", { class: "buttons" }, close, button),
    );
    const dialog = h("dialog", { "aria-labelledby": id, on: { close: end } }, form);
    let done = false;

    async function send(event) {
      event.preventDefault();
      button.disabled = true;
      for (const fault of form.querySelectorAll(".fault")) fault.textContent = "";
      try {
        await submit();
        done = true;
        dialog.close();
      } catch (error) {
        const places = [...(error.fields ?? [])].map(([name, text]) => [
          document.getElementById(`field-${name}-fault`),
          text,
        ]);
        for (const [place, text] of places) if (place) place.textContent = text;
        if (!places.some(([place]) => place)) alert.textContent = error.message;
      }
      button.disabled = false;
    }

    function end() {
      dialog.remove();
      resolve(done);
    }

    document.body.append(dialog);
    dialog.showModal();
  });
}
