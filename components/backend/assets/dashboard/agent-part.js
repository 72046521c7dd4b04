// A part of an agent's panel: a title, and below it what the API lists.

import * as api from "./api.js";
import { h } from "./dom.js";

/** `path` gives what is read, and `show` makes the body of its rows. */
export function part(title, path, show) {
  const body = h("div");
  const element = h("section", {}, h("h3", { text: title }), body);
  let known = "";
  let open = true;

  async function load() {
    try {
      const rows = await api.get(path());
      const text = JSON.stringify(rows);
      // What is open or being pressed stays, where there is nothing new.
      if (open && text !== known) show(rows);
      known = text;
    } catch (problem) {
      known = "";
      body.replaceChildren(nothing(`Cannot be read: ${problem.message}`));
    }
  }

  return {
    element,
    body,
    load,
    /** Shows the next rows even where they are the same. */
    forget() {
      known = "";
    },
    /** Shows no more rows. */
    close() {
      open = false;
    },
  };
}

/** What stands in the place of rows. */
export function nothing(text) {
  return h("p", { class: "note", text });
}
