// How states and phases look and are called.

import { h } from "./dom.js";

export const STATES = ["queued", "running", "completed", "failed", "cancelled"];
export const PHASES = ["resolve", "provision", "augment", "publish"];

export const hasEnded = (state) => state === "completed" || state === "failed" || state === "cancelled";

/** A state as a coloured word; colour is never the only sign. */
export function badge(state) {
  return h("span", { class: `badge ${state}` }, state);
}

/** Change a badge's state. */
export function updateBadge(element, state) {
  if (element.textContent === state) return;
  element.className = `badge ${state}`;
  element.textContent = state;
}
