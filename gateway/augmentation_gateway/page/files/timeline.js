// The phases of a job on one time axis: start, duration and status.

import { h, keyed, say, set } from "./dom.js";
import { between, clock, duration, moment } from "./format.js";
import { hasEnded, PHASES } from "./states.js";

const DOES = {
  resolve: "pins and checks the source",
  provision: "waits for a node",
  augment: "augments each episode",
  publish: "publishes the result in one commit",
};
const MARKS = { pending: "○", in_progress: "◐", completed: "✓", failed: "✕" };
const WORDS = { pending: "pending", in_progress: "in progress", completed: "done", failed: "failed" };

/** The timeline, empty; `updateTimeline` fills it. */
export function makeTimeline() {
  return h("ol", { class: "timeline", "aria-label": "Phases" });
}

/** Show the phases of a status as they are now. */
export function updateTimeline(list, status, createdAt) {
  const given = new Map((status.phases ?? []).map((phase) => [phase.name, phase]));
  const phases = PHASES.map((name) => given.get(name) ?? { name });
  const begins = phases.map((phase) => phase.startedAt).filter(Boolean).sort();
  const from = new Date(begins[0] ?? createdAt).getTime();
  const ended = hasEnded(status.state) ? status.completedAt ?? status.cancelledAt : null;
  const to = Math.max(from + 1000, ended ? new Date(ended).getTime() : Date.now());
  keyed(list, phases, (phase) => phase.name, makePhase, (row, phase) => updatePhase(row, phase, from, to, ended));
}

function makePhase(phase) {
  const parts = {
    mark: h("span", { class: "step", "aria-hidden": "true" }),
    state: h("span", { class: "away" }),
    took: h("span", { class: "took" }),
    bar: h("i"),
    error: h("p", { class: "problem" }),
  };
  const row = h("li", {}, parts.mark,
    h("span", { class: "phase" }, h("b", {}, phase.name), h("span", { class: "help" }, DOES[phase.name] ?? ""), parts.state),
    h("span", { class: "track", "aria-hidden": "true" }, parts.bar), parts.took, parts.error);
  row.parts = parts;
  return row;
}

function updatePhase(row, phase, from, to, ended) {
  const { mark, state, took, bar, error } = row.parts;
  const status = phase.status ?? "pending";
  // A phase that was in progress when the job ended was stopped.
  const stopped = status === "in_progress" && ended;
  row.className = stopped ? "stopped" : status;
  say(mark, stopped ? "–" : MARKS[status] ?? "○");
  say(state, `: ${stopped ? "stopped" : WORDS[status] ?? status}`);
  say(error, phase.error ?? "");
  bar.hidden = !phase.startedAt;
  if (!phase.startedAt) return say(took, "");
  const until = phase.completedAt ?? ended;
  const seconds = between(phase.startedAt, until);
  say(took, duration(seconds));
  set(took, { title: `${moment(phase.startedAt)} to ${until ? clock(until) : "now"}` });
  const left = Math.min(1, Math.max(0, (new Date(phase.startedAt) - from) / (to - from)));
  const width = Math.min(1 - left, (seconds * 1000) / (to - from));
  bar.style.setProperty("margin-left", `${(left * 100).toFixed(2)}%`);
  bar.style.setProperty("width", `max(4px, ${(width * 100).toFixed(2)}%)`);
}
