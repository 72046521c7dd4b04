// Text of agents and models as they mean it: Markdown, made into nodes. The parser is marked; its tokens become elements
// here, and never HTML, so that no text can become markup. What is not known is shown as it was written.

import { copyButton } from "./clipboard.js";
import { h } from "./dom.js";
import { lexer } from "./vendor/marked.js";

/** A longer text is shown as it is: nobody reads that as a page. */
const LONGEST = 200_000;

/** Nodes for a text. */
export function markdown(text) {
  if (text.length > LONGEST) return [h("pre", { text, dir: "auto" })];
  return blocks(lexer(text, { gfm: true }));
}

const BLOCKS = {
  space: () => null,
  hr: () => h("hr"),
  // A heading of a text is none of the page.
  heading: (token) => h("p", { class: `heading h${token.depth}`, dir: "auto" }, inlines(token.tokens)),
  paragraph: (token) => h("p", { dir: "auto" }, inlines(token.tokens)),
  text: (token) => h("p", { dir: "auto" }, token.tokens ? inlines(token.tokens) : token.text),
  blockquote: (token) => h("blockquote", {}, blocks(token.tokens)),
  code: (token) => code(token.text, token.lang),
  list: (token) =>
    h(token.ordered ? "ol" : "ul", { start: token.ordered && token.start !== 1 && token.start }, token.items.map(item)),
  table: (token) =>
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            token.header.map((cell) => h("th", { scope: "col" }, inlines(cell.tokens))),
          ),
        ),
        h(
          "tbody",
          {},
          token.rows.map((row) =>
            h(
              "tr",
              {},
              row.map((cell) => h("td", {}, inlines(cell.tokens))),
            ),
          ),
        ),
      ),
    ),
};

const INLINES = {
  text: (token) => (token.tokens ? inlines(token.tokens) : token.raw),
  escape: (token) => token.text,
  strong: (token) => h("strong", {}, inlines(token.tokens)),
  em: (token) => h("em", {}, inlines(token.tokens)),
  del: (token) => h("del", {}, inlines(token.tokens)),
  codespan: (token) => h("code", { text: token.text }),
  br: () => h("br"),
  // Nothing is fetched from elsewhere.
  image: (token) => link(token.href, [token.text || token.href]),
  link: (token) => link(token.href, inlines(token.tokens)),
};

function blocks(tokens) {
  return tokens.map(
    (token) =>
      BLOCKS[token.type]?.(token) ?? (token.type === "space" ? null : h("p", { dir: "auto", text: token.raw })),
  );
}

function inlines(tokens) {
  return tokens.flatMap((token) => INLINES[token.type]?.(token) ?? token.raw);
}

function item(token) {
  const mark = token.task && h("span", { class: "task", text: token.checked ? "☑ " : "☐ " });
  const [first] = token.tokens;
  // Items in a row without blank lines are lines.
  const plain = !token.loose && first?.type === "text";
  const rest = plain ? token.tokens.slice(1) : token.tokens;
  return h(
    "li",
    { dir: "auto" },
    mark,
    plain ? inlines(first.tokens ?? [first]) : null,
    blocks(rest.filter(({ type }) => type !== "checkbox")),
  );
}

/** A link leads somewhere else, and only where a person could see that it does. */
function link(href, content) {
  if (!/^(https?:|mailto:)/i.test(href)) return h("span", {}, content);
  return h("a", { href, rel: "noreferrer noopener", target: "_blank", title: href }, content);
}

function code(text, language) {
  return h(
    "div",
    { class: "code" },
    h(
      "div",
      { class: "row" },
      h("span", { class: "kind", text: language ?? "" }),
      copyButton("Copy the code", () => text),
    ),
    h("pre", { tabindex: "0" }, h("code", { text })),
  );
}
