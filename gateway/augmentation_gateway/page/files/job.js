// One job: its live status, its details, and the actions that the key allows.

import { ApiError, get, JOBS, post, send } from "./api.js";
import { confirm, copyButton, notify } from "./dialogs.js";
import { fill, h, icon, ICONS, say } from "./dom.js";
import { follow } from "./events.js";
import { age, moment, plural } from "./format.js";
import { badEpisodes, elsewhere, parameters, progressLine, result, source, trouble, updateEvents, updateShards, where } from "./job_panels.js";
import { Polling } from "./polling.js";
import { session } from "./session.js";
import { badge, hasEnded, updateBadge } from "./states.js";
import { keepDraft } from "./draft.js";
import { tabs } from "./tabs.js";
import { makeTimeline, updateTimeline } from "./timeline.js";

const WHILE_IT_RUNS = 3000;
const WHEN_IT_HAS_ENDED = 30_000;

/** Show a job; returns a function that ends it. */
export function showJob(main, id) {
  const path = `${JOBS}/${encodeURIComponent(id)}`;
  const ending = new AbortController();
  const { signal } = ending;
  let job = null;
  let request = null;
  let polling = null;
  let picture;

  const parts = {
    name: h("h1", {}, "\u00a0"), state: badge("queued"), live: h("span", { class: "following" }), actions: h("div", { class: "actions" }),
    facts: h("p", { class: "quiet under" }, "\u00a0"), bar: h("progress", { max: "100", "aria-label": "Progress of the job" }),
    percent: h("b", { class: "big" }), line: h("span", { class: "quiet" }), trouble: h("div", { class: "trouble", role: "status" }),
    timeline: makeTimeline(), events: h("ol", { class: "events", tabindex: "0", "aria-label": "Events, newest first" }), noEvents: h("p", { class: "help" }, "No events yet."),
    shards: h("ol", { class: "shards" }), shardsPanel: null, picture: h("div", { class: "picture" }, h("div", { class: "frame" })),
    bad: h("div", {}), badPanel: null, result: h("div", {}), source: h("div", {}), parameters: h("div", {}), where: h("div", {}), elsewhere: h("div", {}),
  };
  parts.state.hidden = true;
  const panel = (title, ...content) => h("section", { class: "card panel" }, h("h2", {}, title), content);
  parts.shardsPanel = panel("Shards", parts.shards);
  parts.badPanel = panel("Cannot be used", parts.bad);
  parts.badPanel.hidden = true;
  const resultPanel = panel("Before and after", parts.picture, parts.result);
  parts.shardsPanel.hidden = true;
  fill(main,
    h("a", { class: "back", href: "#/" }, icon(ICONS.back), "Jobs"),
    h("div", { class: "job-head" }, h("div", {}, h("div", { class: "title" }, parts.name, parts.state, parts.live), parts.facts), parts.actions),
    parts.trouble,
    h("section", { class: "card panel", "aria-label": "Progress" },
      h("div", { class: "far" }, parts.percent, parts.line), parts.bar, parts.timeline),
    h("div", { class: "columns" },
      h("div", {}, parts.badPanel, resultPanel, panel("Events", parts.noEvents, parts.events), parts.shardsPanel, panel("By kubectl and REST", parts.elsewhere)),
      h("div", {}, panel("Source", parts.source), panel("Parameters", parts.parameters), panel("Where it runs", parts.where))));

  async function refresh() {
    try {
      job = await get(`${path}/resource`, { signal });
    } catch (error) {
      if (error instanceof ApiError && [403, 404, 422].includes(error.status)) gone(error);
      throw error;
    }
    draw();
  }

  function gone(error) {
    ending.abort();
    polling?.stop();
    document.title = "No such job · Augmentation";
    fill(main, h("a", { class: "back", href: "#/" }, icon(ICONS.back), "Jobs"), h("div", { class: "empty", role: "alert" },
      h("h1", {}, job ? "The job was removed" : "This job cannot be shown"), h("p", {}, error.message), h("a", { class: "button", href: "#/" }, "All jobs")));
  }

  function draw() {
    const { metadata, spec } = job;
    const status = job.status.state ? { ...job.status } : { ...job.status, state: "queued" };
    // A pod reports its result before the job is completed; it counts only then.
    if (status.state !== "completed" && status.output) status.output = { ...status.output, revision: undefined };
    const name = spec.displayName || metadata.name;
    document.title = `${status.state} · ${name}`;
    say(parts.name, name);
    updateBadge(parts.state, status.state);
    parts.state.hidden = false;
    const shown = `${metadata.uid} ${metadata.name}`;
    if (parts.facts.shown !== shown) {
      parts.facts.shown = shown;
      fill(parts.facts, h("time", { "data-age": true, datetime: metadata.creationTimestamp, title: moment(metadata.creationTimestamp) }, age(metadata.creationTimestamp)), " old · ",
        h("code", {}, `${metadata.namespace}/${metadata.name}`), " · ", h("code", { class: "id" }, metadata.uid), copyButton(() => metadata.uid, "Copy id"));
    }
    drawActions(status);
    const percent = status.progress?.percent ?? 0;
    parts.bar.value = percent;
    parts.bar.className = status.state;
    say(parts.percent, `${percent}%`);
    say(parts.line, progressLine(status));
    drawTrouble(trouble(status));
    updateTimeline(parts.timeline, status, metadata.creationTimestamp);
    parts.noEvents.hidden = updateEvents(parts.events, status) > 0;
    updateShards(parts.shards, status);
    parts.shardsPanel.hidden = !status.shards?.length;
    say(parts.shardsPanel.querySelector("h2"), `Shards${status.shards?.length ? ` · ${plural(status.shards.length, "shard")}` : ""}`.replace(/^Shards · /, ""));
    once(parts.source, JSON.stringify([spec.source, status.source]), () => source({ spec, status }));
    once(parts.parameters, "once", () => parameters(job));
    once(parts.where, JSON.stringify([status.placement, status.usage, status.attempt, status.retryCount, status.preemptionCount, status.className]), () => where({ spec, status }));
    const bad = badEpisodes({ spec, status });
    parts.badPanel.hidden = !bad;
    once(parts.bad, JSON.stringify([status.badEpisodes, spec.onBadEpisode]), () => bad ?? []);
    once(parts.result, JSON.stringify(status.output), () => result({ status }) ?? []);
    once(parts.elsewhere, String(Boolean(request)), () => tabs(elsewhere(job, request)));
    drawPicture(status);
  }

  function once(element, text, make) {
    if (element.shown === text) return;
    element.shown = text;
    fill(element, make());
  }

  function drawTrouble(found) {
    once(parts.trouble, JSON.stringify(found), () => found && h("div", { class: found.mild ? "waits" : "failed" },
      h("h2", {}, found.title, found.reason && h("code", {}, found.reason)), h("p", {}, found.text)));
  }

  function drawActions(status) {
    const asked = job.spec.cancel && !hasEnded(status.state);
    once(parts.actions, `${status.state} ${status.badEpisodes?.count ?? 0} ${asked} ${session.mayWrite} ${Boolean(request)}`, () => {
      if (!session.mayWrite) return h("p", { class: "help" }, "This key is read-only.");
      const button = (text, does, kind = "") => h("button", { type: "button", class: kind, onClick: does }, text);
      return [
        request?.dataset_id && h("button", { type: "button", onClick: () => { keepDraft(request); location.hash = "#/new"; } }, "Use as template"),
        status.state === "failed" && status.badEpisodes?.count && button("Retry without them", retryWithoutBad, "primary"),
        (status.state === "failed" || status.state === "cancelled") && button("Retry", retry, "primary"),
        hasEnded(status.state) && button("Delete", remove),
        !hasEnded(status.state) && (asked ? h("button", { disabled: true }, "Cancelling …") : button("Cancel job", cancel, "danger")),
      ];
    });
  }

  async function act(does, done) {
    try {
      await does();
      notify(done);
    } catch (error) {
      if (error.name !== "AbortError") notify(error.message, "bad");
    }
    polling.now();
    listen();
  }

  async function cancel() {
    if (await confirm({ title: "Cancel this job?", text: "Its pods are stopped and nothing is published. Completed episodes are kept for a retry.", yes: "Cancel the job", danger: true })) {
      await act(() => post(`${path}/cancel`), "The job is being cancelled.");
    }
  }

  async function retry() {
    if (await confirm({ title: "Retry this job?", text: "It resumes where it stopped: completed episodes are not augmented again.", yes: "Retry" })) {
      await act(() => post(`${path}/retry`), "The job is being retried.");
    }
  }

  async function retryWithoutBad() {
    if (await confirm({ title: "Publish without what cannot be used?", text: "Nothing is augmented again. What cannot be used gets no augmented version; its originals stay as they are.", yes: "Retry without them" })) {
      await act(() => post(`${path}/retry?on_bad_episode=skip`), "The job is being retried.");
    }
  }

  async function remove() {
    if (!(await confirm({ title: "Delete this job?", text: "The job and its record are deleted. A dataset that it has published stays.", yes: "Delete", danger: true }))) return;
    try {
      await send(path, { method: "DELETE" });
      notify("The job is deleted.");
      location.hash = "#/";
    } catch (error) {
      notify(error.message, "bad");
    }
  }

  /** Fetch the preview once it is published: an `img` cannot send the key. */
  async function drawPicture(status) {
    const wanted = status.output?.revision ?? null;
    if (wanted === picture) return;
    picture = wanted;
    if (wanted === null) return fill(parts.picture, h("div", { class: "frame" }, hasEnded(status.state) ? "Nothing was published." : "The preview is published with the result."));
    try {
      const image = await (await send(`${path}/picture`, { signal })).blob();
      const address = URL.createObjectURL(image);
      signal.addEventListener("abort", () => URL.revokeObjectURL(address));
      const shown = h("img", { src: address, alt: "The first episode: an original frame and the same frame of each copy, with the sampled parameters" });
      await shown.decode();
      fill(parts.picture, h("a", { href: address, target: "_blank", title: "Open the preview" }, shown));
    } catch (error) {
      if (error.name !== "AbortError") fill(parts.picture, h("div", { class: "frame" }, h("p", {}, error.message)));
      if (!(error instanceof ApiError)) picture = undefined;
    }
  }

  let listening = null;

  /** Follow the job's stream; each message triggers a refresh. */
  function listen() {
    listening?.abort();
    listening = new AbortController();
    const mine = listening.signal;
    follow(id, {
      signal: mine,
      onMessage: (message) => (message.event === "removed" ? gone(new Error("It was deleted, or its TTL expired.")) : polling.now()),
      onState: (state) => {
        say(parts.live, { live: "live", lost: "connection lost", ended: "" }[state]);
        parts.live.className = `following ${state}`;
      },
    }).catch(() => {});
  }

  polling = new Polling(refresh, () => (job && hasEnded(job.status.state) ? WHEN_IT_HAS_ENDED : WHILE_IT_RUNS));
  get(`${path}/request`, { signal }).then((found) => {
    request = found;
    if (job) draw();
  }).catch(() => {});
  listen();
  return () => {
    ending.abort();
    listening.abort();
    polling.stop();
  };
}
