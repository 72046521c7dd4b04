// What is shown stands in the address after `#`, so that it can be shared and survives a reload:
// `#/board?status=failed`, `#/sessions/demo?agent=...`.

/** Reads the address: the view, what follows it, and the parameters. */
export function read() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [view, ...rest] = path.split("/");
  return { view: view || "board", id: decode(rest.join("/")), params: new URLSearchParams(query) };
}

/** The address of a view. Parameters that are empty are left out. */
export function to(view, id = "", params = {}) {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value));
  const path = id ? `#/${view}/${encodeURIComponent(id)}` : `#/${view}`;
  return query.size > 0 ? `${path}?${query}` : path;
}

/** Changes parameters of the view that is shown, without a new entry in the history. */
export function change(params) {
  const { view, id, params: known } = read();
  const all = { ...Object.fromEntries(known), ...params };
  history.replaceState(null, "", to(view, id, all));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
