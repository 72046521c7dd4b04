// Makes elements. Text is only ever set as text: nothing that comes from an agent can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element. `props` has attributes, and `text`, `on` (listeners) and `data`; what is null or false is left out. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same in SVG. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** A symbol of index.html; it says nothing that the text beside it does not say. */
export function icon(name) {
  return svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `#icon-${name}` }));
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name === "on")
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Sets an element's text where it is another: an unchanged node costs no layout. Gives whether it was. */
export function setText(element, text) {
  if (element.textContent === text) return false;
  element.textContent = text;
  return true;
}

/** Waits until `call` was not asked for during `milliseconds`, but at most that long after the first time. */
export function throttled(call, milliseconds) {
  let timer = 0;
  const later = () => {
    timer ||= setTimeout(() => {
      timer = 0;
      call();
    }, milliseconds);
  };
  later.stop = () => clearTimeout(timer);
  return later;
}

export const narrow = matchMedia("(max-width: 700px)");
export const calm = matchMedia("(prefers-reduced-motion: reduce)");
