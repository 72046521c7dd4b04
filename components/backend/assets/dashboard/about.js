// What an agent is about, in plain words, where its context says so.

/** Where writers put it, the likeliest first. */
const NAMES = ["task", "title", "goal", "summary", "description", "topic", "subject", "prompt", "instructions", "name"];
const LONGEST = 200;

/** A line of text, or "". */
export function about({ context }) {
  if (typeof context === "string") return line(context);
  if (context === null || typeof context !== "object" || Array.isArray(context)) return "";
  for (const name of NAMES) if (typeof context[name] === "string" && context[name].trim()) return line(context[name]);
  return "";
}

function line(text) {
  return text.slice(0, LONGEST).replace(/\s+/g, " ").trim();
}
