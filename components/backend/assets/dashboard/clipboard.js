// Copies a text, and says so.

import { h, icon } from "./dom.js";
import * as notify from "./notify.js";

export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    notify.done("Copied");
  } catch (error) {
    notify.failed("Not copied", error);
  }
}

/** A button that copies what `text()` gives; `what` is read out. */
export function copyButton(what, text) {
  return h(
    "button",
    { class: "quiet copy", type: "button", title: what, "aria-label": what, on: { click: () => copied(text()) } },
    icon("copy"),
  );
}
