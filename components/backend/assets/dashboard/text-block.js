// A text of any length: its start, and the rest when somebody wants it.

import { h } from "./dom.js";
import { count } from "./format.js";
import { markdown } from "./markdown.js";

const LONG = 1600;
const LINES = 24;

/** A text in Markdown, folded where it is long. */
export function textBlock(text) {
  const body = h("div", { class: "text" });
  const start = startOf(text);
  if (start.length === text.length) {
    body.append(...markdown(text).filter(Boolean));
    return body;
  }
  const toggle = h("button", {
    class: "quiet fold",
    type: "button",
    "aria-expanded": "false",
    on: { click: () => fold(!open) },
  });
  const content = h("div");
  let open = true;
  fold(false);
  body.append(content, toggle);

  function fold(wanted) {
    open = wanted;
    content.replaceChildren(...markdown(open ? text : start).filter(Boolean));
    content.classList.toggle("folded", !open);
    toggle.textContent = open ? "Show less" : `Show all ${count(text.length)} characters`;
    toggle.setAttribute("aria-expanded", String(open));
  }

  return body;
}

function startOf(text) {
  const lines = text.split("\n", LINES + 1);
  const start = lines.length > LINES ? lines.slice(0, LINES).join("\n") : text;
  // A word is not cut, where there are words.
  return start.length <= LONG ? start : start.slice(0, LONG).replace(/\s\S{0,80}$/, "");
}
