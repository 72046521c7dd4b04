// Talks to the REST API: JSON in and out, the token where the server wants one, errors as sentences.

let token = sessionStorage.getItem("token") ?? "";
let asking = null;
let declined = false;
/** @type {(again: boolean) => Promise<string | null>} */
let askForToken = async () => null;
let unavailable = () => {};
let forbidden = () => {};

/** An answer that is no success. `status` is 0 where there was none at all. */
class ApiError extends Error {
  constructor(status, detail) {
    super(typeof detail === "string" ? detail : sentences(detail));
    this.status = status;
    /** Per field of the body: what is wrong with it. */
    this.fields = new Map(Array.isArray(detail) ? detail.map((fault) => [fault.loc?.at(-1), fault.msg]) : []);
  }
}

/** Sets who is asked where the server wants a token; gives it, or null where the person does not. */
export function onTokenWanted(ask) {
  askForToken = ask;
}

/** Sets who is told that a write was answered 503. */
export function onUnavailable(listener) {
  unavailable = listener;
}

/** Sets who is told that a token may only read. */
export function onForbidden(listener) {
  forbidden = listener;
}

/** Asks for a token again, the next time that one is wanted, though the person had none. */
export function askAgain() {
  declined = false;
}

export function currentToken() {
  return token;
}

export const get = (path, options) => request("GET", path, undefined, options);
export const post = (path, body, options) => request("POST", path, body, options);
export const patch = (path, body) => request("PATCH", path, body);
export const remove = (path) => request("DELETE", path);

/** The body of an answer. */
async function request(method, path, body, options) {
  const response = await send(method, path, body, options);
  return response.status === 204 ? null : response.json();
}

/** One page of a list, and the path of the next one, if there is one. */
export async function page(path, options) {
  const response = await send("GET", path, undefined, options);
  return { rows: await response.json(), next: nextOf(response.headers.get("Link")) };
}

/** So many rows of a list, or more, where there are, and the path of what follows: a page may have fewer than it was asked
 * for, or none, though more follow. */
export async function some(path, wanted, options) {
  const rows = [];
  let next = path;
  while (next && rows.length < wanted) {
    const found = await page(next, options);
    rows.push(...found.rows);
    next = found.next;
  }
  return { rows, next };
}

/**
 * Sends a request and gives the answer, if it is a success.
 *
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {{signal?: AbortSignal, headers?: Record<string, string>}} [options]
 */
export async function send(method, path, body, { signal, headers = {} } = {}) {
  for (;;) {
    const used = token;
    const response = await attempt(method, path, body, signal, headers);
    if (response.ok) return response;
    if (response.status === 401 && (await newToken(used))) continue;
    if (response.status === 503 && method !== "GET") unavailable();
    if (response.status === 403 && method !== "GET") forbidden();
    throw new ApiError(response.status, await detailOf(response));
  }
}

async function attempt(method, path, body, signal, headers) {
  const all = { ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method,
      headers: all,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      // What was to be deleted is also where the page is left meanwhile.
      keepalive: method === "DELETE",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "The server cannot be reached");
  }
}

/** Whether there is another token than `used` now. The person is asked once, however many requests wait, and who has
 * none is not asked again. */
async function newToken(used) {
  if (token !== used) return true;
  if (declined) return false;
  asking ??= askForToken(used !== "").finally(() => (asking = null));
  const given = await asking;
  declined = !given;
  if (!given) return false;
  token = given;
  sessionStorage.setItem("token", token);
  return true;
}

async function detailOf(response) {
  try {
    return (await response.json()).detail ?? response.statusText;
  } catch {
    return response.statusText || `The server answered ${response.status}`;
  }
}

function sentences(faults) {
  return faults.map((fault) => `${fault.loc?.slice(1).join(".")}: ${fault.msg}`).join("; ");
}

function nextOf(link) {
  return link?.match(/<([^>]*)>\s*;[^,]*rel="?next"?/)?.[1] ?? null;
}
