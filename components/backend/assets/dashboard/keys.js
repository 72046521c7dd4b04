// Which keys do what, for who asks with `?`.

import { h } from "./dom.js";

const KEYS = [
  ["Ctrl K", "Find anything"],
  ["/", "Search in this view"],
  ["N", "Go to what needs you"],
  ["1 … 9", "Answer the question that has the focus"],
  ["U", "Undo what was done last, as long as it is told"],
  ["← ↑ → ↓", "Go from card to card, from row to row"],
  ["Space", "Choose the card, while several are selected"],
  ["+ − 0", "Timeline: look closer, show more, show all"],
  ["< >", "Timeline: go to the side"],
  ["E", "Log: the next error"],
  ["Enter", "Send the message; Shift Enter begins a line"],
  ["?", "Show these keys"],
];

export function open() {
  if (document.querySelector("dialog")) return;
  const close = h("button", { type: "button", text: "Close", autofocus: true, on: { click: () => dialog.close() } });
  const dialog = h(
    "dialog",
    { class: "keys", "aria-labelledby": "keys-title", on: { close: () => dialog.remove() } },
    h("h2", { id: "keys-title", text: "Keys" }),
    h(
      "dl",
      {},
      KEYS.map(([keys, text]) =>
        h(
          "div",
          {},
          h(
            "dt",
            {},
            keys.split(" ").map((key) => (key === "…" ? key : h("kbd", { text: key }))),
          ),
          h("dd", { text }),
        ),
      ),
    ),
    h("div", { class: "buttons" }, close),
  );
  document.body.append(dialog);
  dialog.showModal();
}
