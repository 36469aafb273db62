// The REST API, as any other client uses it. Addresses are relative: the page works below a prefix too.

import { session } from "./session.js";

export const JOBS = "v1/augmentation";
export const PREVIEWS = "v1/previews";

/** An answer that is an error, in the gateway's words. `fields`: of a 422, a list of {loc, msg, type}. */
export class ApiError extends Error {
  constructor(status, detail, retryAfter = null) {
    super(Array.isArray(detail) ? detail.map((each) => each.msg).join("; ") : detail);
    this.status = status;
    this.fields = Array.isArray(detail) ? detail : [];
    this.retryAfter = retryAfter;
  }
}

/** No answer: the gateway or the network is unavailable. */
export class Unreachable extends Error {
  constructor() {
    super("The gateway does not answer. Check the connection; the page reconnects automatically.");
  }
}

const listeners = new Set();

/** Call `listener({reachable, age})` after each request: whether there was an answer, and how old it is in seconds. */
export function onContact(listener) {
  listeners.add(listener);
}

function contact(reachable, age = 0) {
  for (const listener of listeners) listener({ reachable, age });
}

let expired = () => {};

/** Call `listener(error)` when a key that was good is refused. */
export function onExpired(listener) {
  expired = listener;
}

/** Send a request; the answer if it is a good one (or a 304). Raises ApiError, Unreachable, or AbortError. */
export async function send(path, { method = "GET", key = session.key, headers = {}, body, signal } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { ...(key ? { Authorization: `Bearer ${key}` } : {}), ...headers },
      body,
      signal,
      // A status is stale after a second; and nothing stays on this machine when its user has left.
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    contact(false);
    throw new Unreachable();
  }
  contact(true, Number(answer.headers.get("X-Cache-Age") ?? 0));
  if (answer.ok || answer.status === 304) return answer;
  const error = await refusal(answer);
  if (answer.status === 401 && key !== null && key === session.key) expired(error);
  throw error;
}

async function refusal(answer) {
  const retryAfter = answer.headers.get("Retry-After");
  try {
    const { detail } = await answer.json();
    return new ApiError(answer.status, detail ?? answer.statusText, retryAfter);
  } catch {
    return new ApiError(answer.status, `A proxy answered ${answer.status} instead of the gateway.`, retryAfter);
  }
}

/** GET JSON. */
export async function get(path, options) {
  return (await send(path, options)).json();
}

/** POST JSON, or nothing; the answer's JSON. */
export async function post(path, body, { headers = {}, ...options } = {}) {
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  const text = body === undefined ? undefined : JSON.stringify(body);
  return (await send(path, { method: "POST", body: text, headers: { ...json, ...headers }, ...options })).json();
}

/** Where this gateway is, for commands to copy. */
export function gatewayAddress() {
  return new URL(".", document.baseURI).href.replace(/\/$/, "");
}
