// How cards go from one place of the board to another, so that an eye can follow them.

const MOVE = { duration: 220, easing: "cubic-bezier(.2, .7, .2, 1)" };

/** Where the cards are that can be seen. */
export function positions(columns) {
  const places = new Map();
  for (const { list } of columns.values()) {
    for (const card of list.children) {
      const place = card.getBoundingClientRect();
      if (place.top > innerHeight) break;
      if (place.bottom > 0) places.set(card, place);
    }
  }
  return places;
}

/** Lets each card that is elsewhere now go there from where it was. */
export function follow(before, after) {
  for (const [card, next] of after) {
    const last = before.get(card);
    const [x, y] = last ? [last.left - next.left, last.top - next.top] : [0, 0];
    if (last && x === 0 && y === 0) continue;
    const start = last ? { transform: `translate(${x}px, ${y}px)`, zIndex: x === 0 ? 0 : 1 } : { opacity: 0 };
    card.animate([start, {}], MOVE);
  }
}
