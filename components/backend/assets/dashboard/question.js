// A question of an agent, and how it is answered: by one of its options, or in words.

import { h } from "./dom.js";
import { markdown } from "./markdown.js";
import * as messages from "./messages.js";
import * as notify from "./notify.js";

/** What has so many letters is shown at once, and what is longer for who wants it. */
const SHORT = 160;

/** The controls for an answer. While the focus is in them or on `scope`, the keys 1 to 9 choose. */
export function answerForm(question, scope) {
  const buttons = question.options.map((option, index) => {
    const key = index < 9 && h("kbd", { text: String(index + 1) });
    return h(
      "button",
      { type: "button", class: index === 0 ? "primary" : null, on: { click: () => answer(String(option)) } },
      key,
      h("span", { dir: "auto", text: String(option) }),
    );
  });
  // No options at all: anything may be answered.
  const text =
    buttons.length === 0 && h("input", { type: "text", "aria-label": "Answer", placeholder: "Answer", dir: "auto" });
  const send = text && h("button", { class: "primary", type: "submit", text: "Answer" });
  const form = h("form", { class: "answer", on: { submit } }, buttons, text, send);
  let busy = false;
  scope.addEventListener("keydown", choose);

  function submit(event) {
    event.preventDefault();
    if (text?.value.trim()) answer(text.value.trim());
  }

  function choose(event) {
    const button = buttons[Number(event.key) - 1];
    if (!button || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea")) return;
    event.preventDefault();
    button.click();
  }

  async function answer(given) {
    // Not by disabling: who answers by keys would lose the focus.
    if (busy) return;
    busy = true;
    try {
      await messages.say(given, { reply_to: question.id });
      notify.done(`Answered: ${given}`);
    } catch (error) {
      notify.failed("The answer was not taken", error);
      busy = false;
    }
  }

  return form;
}

/** What is asked, with what it is about where the writer says so, as a permission request has the tool's input. */
export function asked(question) {
  const said = Object.entries(question.metadata ?? {}).filter(([, value]) => value !== null && value !== "");
  const facts = said.filter(([, value]) => line(value).length <= SHORT && !line(value).includes("\n"));
  const more = said.filter((pair) => !facts.includes(pair));
  return h(
    "div",
    { class: "asked text" },
    markdown(question.message),
    facts.length > 0 &&
      h(
        "dl",
        { class: "with" },
        facts.map(([name, value]) =>
          h("div", {}, h("dt", { text: name }), h("dd", {}, h("code", { dir: "auto", text: line(value) }))),
        ),
      ),
    more.length > 0 &&
      h(
        "details",
        {},
        h("summary", { text: more.map(([name]) => name).join(", ") }),
        more.map(([name, value]) => [h("h4", { text: name }), h("pre", { tabindex: "0", text: plain(value) })]),
      ),
  );
}

/** A value of JSON in one line. */
function line(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A value of JSON as a person reads it. */
export function plain(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
