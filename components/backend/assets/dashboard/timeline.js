// How the status of an agent went.

import { h, svg } from "./dom.js";
import { span, time } from "./format.js";
import { isFinished, pill } from "./status.js";
import * as store from "./store.js";

/** The statuses one after the other: a bar to scale, and the same in words. */
export function timeline(steps, agent) {
  const end = agent.completed_at ? Date.parse(agent.completed_at) : store.now();
  const starts = steps.map((step) => Date.parse(step.at));
  const lasts = steps.map((_, index) => Math.max(0, (starts[index + 1] ?? end) - starts[index]));
  // The last status of a finished agent lasts for ever.
  if (isFinished(agent.status)) lasts[lasts.length - 1] = 0;
  const whole = Math.max(
    1,
    lasts.reduce((sum, last) => sum + last, 0),
  );
  let x = 0;
  const bars = steps.map((step, index) => {
    const width = (lasts[index] / whole) * 100;
    const bar = svg("rect", { x, y: 0, width, height: 10, class: "bar", "data-status": step.status });
    x += width;
    return bar;
  });
  const picture = svg(
    "svg",
    { class: "timeline", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    bars,
  );
  const words = steps.map((step, index) => {
    const last = index === steps.length - 1 && isFinished(step.status) ? "" : span(lasts[index]);
    return h(
      "li",
      {},
      h("time", { datetime: step.at, text: time(step.at) }),
      pill(step.status),
      h("span", { class: "age", text: last }),
    );
  });
  // Where no status lasted, there is nothing to draw to scale.
  return h("div", {}, whole > 1 && picture, h("ol", { class: "steps" }, words));
}
