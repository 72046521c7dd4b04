// Draws numbers: columns over time, bars by name. A figure has a picture, and a table for who wants the numbers.

import { h, narrow, svg } from "./dom.js";

/** Letters are as large as they are elsewhere: a narrow picture is drawn narrow, not small. */
const width = () => (narrow.matches ? 320 : 640);
const HEIGHT = 200;
const LEFT = 66;
const BOTTOM = 22;
const TOP = 8;

/** Stacked columns. `parts` say what is stacked: their name, number of a row, and colour. */
export function columns({ title, unit, series, interval, parts, format }) {
  const sums = series.map((row) => parts.reduce((sum, part) => sum + part.of(row), 0));
  const top = round(Math.max(...sums));
  const right = width();
  const step = (right - LEFT) / series.length;
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const lines = [0, 0.5, 1].map((share) => [
    svg("line", { class: "rule", x1: LEFT, x2: right, y1: y(top * share), y2: y(top * share) }),
    svg("text", { class: "tick", x: LEFT - 8, y: y(top * share) + 4, "text-anchor": "end", text: format(top * share) }),
  ]);
  const every = Math.ceil((series.length * 100) / right);
  const place = (index) => LEFT + step * (index + 0.5);
  const labels = series.map(
    (row, index) =>
      index % every === 0 &&
      place(index) < right - 20 &&
      svg("text", {
        class: "tick",
        x: place(index),
        y: HEIGHT - 6,
        "text-anchor": "middle",
        text: label(row.at, interval),
      }),
  );
  const drawn = series.map((row, index) => {
    let below = 0;
    return parts.map((part) => {
      const value = part.of(row);
      if (!value) return null;
      const from = y(below);
      below += value;
      const box = {
        x: LEFT + step * index + step * 0.12,
        y: y(below),
        width: step * 0.76,
        height: Math.max(1, from - y(below)),
      };
      return svg(
        "rect",
        { class: `stack ${part.kind}`, ...box },
        svg("title", { text: `${label(row.at, interval)}: ${format(value)} ${part.name}` }),
      );
    });
  });
  const said = `${title}, ${unit}: at most ${format(Math.max(...sums))}, ${format(sums.reduce((a, b) => a + b, 0))} in all.`;
  const legend =
    parts.length > 1 &&
    h(
      "p",
      { class: "legend" },
      parts.map((part) => h("span", { class: part.kind, text: part.name })),
    );
  const head = [interval === "day" ? "Day" : "From", ...parts.map((part) => part.name)];
  const rows = series
    .filter((_, index) => sums[index] > 0)
    .map((row) => [label(row.at, interval), ...parts.map((part) => format(part.of(row)))]);
  return figure(title, unit, legend, picture(title, said, HEIGHT, [lines, labels, drawn]), head, rows);
}

/** A bar a row, with its name and number. */
export function bars({ title, unit = "", rows, format }) {
  const most = Math.max(...rows.map((row) => row.value), 0) || 1;
  const height = 28;
  const [start, end] = [narrow.matches ? 100 : 150, width() - 60];
  const longest = narrow.matches ? 13 : 20;
  const drawn = rows.map((row, index) => {
    const y = index * height;
    const length = ((end - start) * row.value) / most;
    return [
      svg("text", {
        class: "name",
        x: start - 10,
        y: y + 18,
        "text-anchor": "end",
        text: row.name.length > longest ? `${row.name.slice(0, longest - 1)}…` : row.name,
      }),
      svg("rect", { class: "track", x: start, y: y + 6, width: end - start, height: 16, rx: 3 }),
      row.value > 0 &&
        svg("rect", {
          class: "bar",
          "data-status": row.status,
          x: start,
          y: y + 6,
          width: Math.max(3, length),
          height: 16,
          rx: 3,
        }),
      svg("text", { class: "value", x: end + 10, y: y + 18, text: format(row.value) }),
    ];
  });
  const said = rows.map((row) => `${row.name}: ${format(row.value)}`).join(", ") || "nothing yet";
  const shown =
    rows.length > 0
      ? picture(title, said, rows.length * height, drawn)
      : h("p", { class: "note", text: "Nothing yet." });
  return figure(
    title,
    unit,
    null,
    shown,
    ["Name", title],
    rows.map((row) => [row.name, format(row.value)]),
  );
}

let pictures = 0;

function picture(title, said, height, content) {
  const id = `picture-${++pictures}`;
  return svg(
    "svg",
    { viewBox: `0 0 ${width()} ${height}`, role: "img", "aria-labelledby": `${id}-title ${id}-desc` },
    svg("title", { id: `${id}-title`, text: title }),
    svg("desc", { id: `${id}-desc`, text: said }),
    content.flat(3),
  );
}

function figure(title, unit, legend, shown, head, rows) {
  const table = h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        head.map((text) => h("th", { scope: "col", text })),
      ),
    ),
    h(
      "tbody",
      {},
      rows.map(([name, ...values]) =>
        h(
          "tr",
          {},
          h("th", { scope: "row", text: name }),
          values.map((text) => h("td", { class: "number", text })),
        ),
      ),
    ),
  );
  return h(
    "figure",
    {},
    h("figcaption", {}, h("h2", { text: title }), unit && h("span", { class: "unit", text: unit }), legend),
    shown,
    h(
      "details",
      { data: { name: title } },
      h("summary", { text: "As a table" }),
      h("div", { class: "scroll", tabindex: "0" }, table),
    ),
  );
}

/** The next number that ends in a round digit, so that the lines have short labels. */
function round(number) {
  if (!(number > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(number));
  return [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= number) * power;
}

function label(at, interval) {
  const date = new Date(at);
  if (interval === "day")
    return new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" }).format(date);
  return new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(date);
}
