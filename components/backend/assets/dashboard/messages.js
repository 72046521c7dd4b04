// What people, the orchestrator and agents say to one another, as far as the feed has told of it; and which questions to a
// person nobody has answered.

import * as api from "./api.js";
import * as store from "./store.js";
import { isFinished } from "./status.js";

/** The oldest of more messages are forgotten, but for questions that wait. */
const MOST = 2000;

/**
 * A message as REST tells it.
 *
 * @typedef {{id: string, number: number, agent_id: string | null, sender_type: string, receiver_type: string,
 *   message: string, reply_to: string | null, options: unknown[] | null, metadata: Record<string, unknown> | null,
 *   delivered_at: string | null, created_at: string}} Message
 */

/** @type {Map<string, Message>} */
const messages = new Map();
/** The messages that some other one answers. */
const answered = new Set();
const listeners = new Set();
let loaded = false;

/** Whether there was a first list. */
export const isLoaded = () => loaded;

/** Calls `listener(changedMessages)` after changes. Gives its end. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Takes the data of a `message` frame.
 *
 * @param {{messages: Message[], removed?: string[], snapshot?: boolean}} data
 */
export function apply({ messages: rows, removed, snapshot }) {
  if (snapshot) {
    loaded = true;
    messages.clear();
    answered.clear();
  }
  for (const id of removed ?? []) messages.delete(id);
  take(rows);
}

/** Takes messages as the API tells them. */
export function take(rows) {
  for (const row of rows) {
    messages.set(row.id, row);
    if (row.reply_to !== null) answered.add(row.reply_to);
  }
  if (messages.size > MOST) forgetOldest();
  for (const listener of listeners) listener(rows);
}

/** Reads what waits, for a host without a feed. */
export async function poll() {
  const rows = await api.get("/api/runtime/messages?waiting=user&limit=1000");
  apply({ messages: rows, snapshot: true });
}

export function isAnswered(message) {
  return answered.has(message.id);
}

export function isQuestion(message) {
  return message.options !== null && message.receiver_type === "user";
}

/** The questions to a person that wait, oldest first. Nobody waits for an answer to an agent that has ended. */
export function questions() {
  const waits = (message) => {
    const agent = store.get(message.agent_id);
    const ended = store.isRemoved(message.agent_id) || (agent && isFinished(agent.status));
    return isQuestion(message) && !isAnswered(message) && !ended;
  };
  return [...messages.values()].filter(waits).sort((a, b) => a.number - b.number);
}

/** Who asks, in a word. */
export function askerOf(question) {
  const agent = store.get(question.agent_id);
  return agent?.name ?? (question.sender_type === "orchestrator" ? "Orchestrator" : "An agent");
}

/**
 * Says `text` to an agent, or as the answer to a question.
 *
 * @param {string} text
 * @param {{agent_id?: string, reply_to?: string}} to
 */
export async function say(text, { agent_id, reply_to }) {
  // Whom an answer is to follows from the question.
  const to = reply_to ? { reply_to } : { receiver_type: "agent", agent_id };
  const body = { sender_type: "user", message: text, ...to };
  try {
    take([await api.post("/api/runtime/messages", body)]);
  } catch (error) {
    // Somebody else was quicker: the question is none any more.
    if (error.status === 409 && reply_to) {
      answered.add(reply_to);
      take([]);
    }
    throw error;
  }
}

function forgetOldest() {
  const waiting = new Set(questions().map(({ id }) => id));
  for (const id of messages.keys()) {
    if (messages.size <= MOST) break;
    if (!waiting.has(id)) messages.delete(id);
  }
}
