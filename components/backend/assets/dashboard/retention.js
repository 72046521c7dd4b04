// Says which log entries are deleted for their age, where some are (RETENTION_DAYS).

import * as api from "./api.js";
import { h, icon, setText } from "./dom.js";
import { exact, plural } from "./format.js";
import * as health from "./health.js";
import * as store from "./store.js";

const DAY = 86_400_000;
/** Longer than the server pauses between two looks: what is older by more than this is older since its start. */
const LOOKED_WITHIN = 900_000;

/** What the server found at its start and is gone meanwhile. */
let gone = "";

/** The line of the log. */
export function retentionLine() {
  const element = h("p", { class: "note retention" });
  return { element, unmount: follow((text) => setText(element, text)) };
}

/** The notice of the board, while entries are going, until somebody dismisses it. */
export function retentionNotice() {
  const words = h("span");
  const button = h("button", { class: "quiet", type: "button", "aria-label": "Dismiss", on: { click: dismiss } });
  button.append(icon("close"));
  const element = h("div", { class: "notice", hidden: true }, words, button);
  let shown = "";

  function dismiss() {
    localStorage.setItem("retention", shown);
    element.hidden = true;
    document.getElementById("main").focus({ preventScroll: true });
  }

  const unmount = follow((text, old) => {
    shown = text;
    setText(words, text);
    element.hidden = old === 0 || localStorage.getItem("retention") === text;
  });
  return { element, unmount };
}

/** Calls `show` with the sentence and how many entries are going, each time the server was asked. Gives its end. */
function follow(show) {
  let open = true;
  async function update() {
    const { retention } = health.current();
    const old = retention ? await going(retention) : 0;
    if (open) show(retention ? sentence(retention.days, old) : "", old);
  }
  const unlisten = health.listen(update);
  update();
  return () => {
    open = false;
    unlisten();
  };
}

/** How many entries the server found at its start and has not deleted yet. It counts them once, and does not tell when
 * they are gone. */
async function going({ days, log_entries: found = 0 }) {
  const which = `${days} ${found}`;
  if (found === 0 || which === gone) return 0;
  const until = new Date(store.now() - days * DAY - LOOKED_WITHIN).toISOString();
  try {
    for (const log of ["logs", "system-logs"])
      if ((await api.get(`/api/runtime/${log}?until=${until}&limit=1`)).length > 0) return found;
  } catch (error) {
    console.debug("retention", error);
    return 0;
  }
  gone = which;
  return 0;
}

function sentence(days, old) {
  const rest = old > 0 ? `; ${exact(old)} ${old === 1 ? "is older and goes" : "are older and go"} soon` : "";
  return `Log entries are deleted after ${plural(days, "day")}${rest}.`;
}
