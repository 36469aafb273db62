// The form for a job: every field of POST /v1/augmentation, checked by the gateway while the user types.

import { ApiError, get, JOBS, post, Unreachable } from "./api.js";
import { makeField } from "./controls.js";
import { notify } from "./dialogs.js";
import { fill, h, icon, ICONS, say } from "./dom.js";
import { dropDraft, keepDraft, readDraft } from "./draft.js";
import { curlOf } from "./job_panels.js";
import { makeEstimate } from "./form_estimate.js";
import { makePreview } from "./form_preview.js";
import { makeCameraEntries } from "./camera_entries.js";
import { LABELS, readRequest, requestOf, SCENE, SECTIONS } from "./request_fields.js";
import { session } from "./session.js";
import { tabs } from "./tabs.js";
import { makePicker } from "./transform_picker.js";
import { yamlDocument } from "./yaml.js";

const TYPING_PAUSE = 300;
const PROJECT = "augmentation-project";
const SENDING = "augmentation-sending";

/** Show the form; returns a function that ends it. */
export function showForm(main) {
  const leaving = new AbortController();
  fill(main, h("h1", {}, "New job"), h("p", { class: "quiet" }, "Loading the form …"));
  get("openapi.json", { signal: leaving.signal }).then((document) => build(main, readRequest(document), leaving.signal)).catch((error) => {
    if (error.name !== "AbortError") fill(main, h("div", { class: "empty", role: "alert" }, h("h1", {}, "The form cannot be loaded"), h("p", {}, error.message), h("button", { type: "button", onClick: () => dispatchEvent(new Event("hashchange")) }, "Try again")));
  });
  return () => leaving.abort();
}

function build(main, request, signal) {
  const { schemas, generative: parameters } = request;
  const fields = readDraft();
  fields.project_id ??= session.about.projects.find((each) => each !== "*") ?? localStorage.getItem(PROJECT) ?? undefined;
  const controls = new Map();
  const touched = new Set();
  let submitted = false;
  let checking = null;
  let timer = null;
  let problems = null;

  const field = (name, label) => {
    const made = makeField(name, label, schemas[name], fields[name], changed);
    controls.set(name, made);
    return made.element;
  };
  const section = (title, names) => h("fieldset", { class: "card panel" }, h("legend", { class: "away" }, title), h("h2", { "aria-hidden": "true" }, title), h("div", { class: "grid" }, names.map(([name, label]) => field(name, label))));
  const picker = makePicker(request, fields, controls, changed);
  const cameras = makeCameraEntries(schemas.per_camera, fields, changed);
  controls.set("per_camera", cameras);
  const generative = section("Generative model", parameters.map(({ name, label }) => [name, label]));
  const [from, to, job] = SECTIONS.map(([title, names]) => section(title, names));
  const verdict = h("p", { class: "verdict", role: "status" }, "Checking …");
  const general = h("p", { class: "problem", role: "alert" });
  const same = h("div", { class: "same" });
  const send = h("button", { type: "submit", class: "primary" }, "Start job");
  const estimate = makeEstimate();
  const preview = makePreview(() => requestOf(fields, request), signal, check);
  const form = h("form", { class: "job-form", novalidate: true, onSubmit: submit },
    h("div", {}, from,
      h("fieldset", { class: "card panel" }, h("legend", { class: "away" }, "Augmentation"), h("h2", { "aria-hidden": "true" }, "Augmentation"),
        h("div", { class: "grid" }, field("augmentation_type", "Type"), field("augment_mode", "Mode"), field("augment_copies", "Copies"), SCENE.map(([name, label]) => field(name, label))),
        h("h3", {}, "Transforms, in the order they are applied"), picker.element,
        h("h3", { class: "add-head" }, "Cameras that get something else"), cameras.element,
        h("h3", { class: "add-head" }, "Masks and instructions"), h("div", { class: "grid" }, LABELS.map(([name, label]) => field(name, label)))),
      generative, to, job),
    h("aside", { "aria-label": "Check and send" }, h("div", { class: "card panel sticky" },
      verdict, general, h("div", { class: "send" }, send, h("button", { type: "button", class: "quiet-button", onClick: clear }, "Clear"))), preview.element, estimate.element, h("div", { class: "card panel" }, same)));
  fill(main, h("a", { class: "back", href: "#/" }, icon(ICONS.back), "Jobs"), h("div", { class: "list-head" }, h("h1", {}, "New job")), form);
  const project = controls.get("project_id").control;
  project.after(h("button", { type: "button", class: "copy generate", onClick: () => { project.value = newUuid(); changed({ target: project }); } }, "Generate an ID"));
  form.addEventListener("focusout", (event) => {
    touch(event.target.name);
    showProblems();
  });
  signal.addEventListener("abort", () => { clearTimeout(timer); checking?.abort(); });

  /** Read the controls, keep the draft, and have it checked when typing pauses. */
  function changed(event) {
    const { augment_mode: mode, preset } = fields;
    for (const [name, control] of controls) {
      if (control.read === undefined) continue;
      const value = control.read();
      if (value === undefined) delete fields[name];
      else fields[name] = value;
    }
    if (event?.type === "change") touch(event.target.name);
    if (fields.preset !== preset) delete fields.augment_transforms;
    if (fields.augment_mode !== mode || fields.preset !== preset) picker.draw();
    keepDraft(fields);
    arrange();
    clearTimeout(timer);
    timer = setTimeout(check, TYPING_PAUSE);
  }

  /** From now on, a field the user has edited shows its problem; of a range both ends do. */
  function touch(name) {
    if (!name) return;
    for (const each of [name, name.replace(/_m(in|ax)$/, "_min"), name.replace(/_m(in|ax)$/, "_max")]) touched.add(each);
  }

  function arrange() {
    generative.hidden = fields.augmentation_type !== "generative";
    controls.get("augment_copies").element.hidden = fields.augment_mode === "independent" || fields.augment_dataset_mode === "inplace";
  }

  async function check() {
    checking?.abort();
    checking = new AbortController();
    const body = requestOf(fields, request);
    const curl = curlOf(body);
    try {
      const { manifest, estimate: taken, estimate_missing: missing } = await post(`${JOBS}?dry_run=true&estimate=true`, body, { signal: checking.signal });
      found([], "");
      estimate.show(taken, missing);
      showSame({ curl, Manifest: yamlDocument(manifest) });
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error instanceof ApiError && error.status === 422) found(error.fields, "");
      else found(null, error.message);
      estimate.show(null, null);
      showSame({ curl });
    }
  }

  /** Show the gateway's verdict: problems of fields, or one message about the whole request. */
  function found(fieldProblems, sentence) {
    problems = fieldProblems ?? [];
    say(general, [sentence, ...problems.filter((each) => !controls.has(nameOf(each))).map((each) => each.msg)].filter(Boolean).join("\n"));
    const wrong = problems.length;
    verdict.className = `verdict ${wrong || sentence ? "not" : "ready"}`;
    say(verdict, sentence ? "The request cannot be sent now." : wrong ? `${wrong === 1 ? "One field is" : `${wrong} fields are`} missing or wrong.` : "Ready to start.");
    preview.changed(!wrong && !sentence);
    showProblems();
  }

  function showProblems() {
    if (problems === null) return;
    const texts = new Map();
    for (const each of problems) if (submitted || touched.has(nameOf(each))) texts.set(nameOf(each), [each.msg, each.place].filter(Boolean).join("\n"));
    // The two ends of a range share one line: those that are right first, or they would wipe what the other said.
    for (const [name, control] of controls) if (!texts.has(name)) control.complain("");
    for (const [name, text] of texts) controls.get(name)?.complain(text);
  }

  function showSame(texts) {
    const text = JSON.stringify(texts);
    if (same.shown === text) return;
    same.shown = text;
    const chosen = same.querySelector("[aria-selected=true]");
    const focused = chosen !== null && chosen === document.activeElement;
    fill(same, tabs(texts, chosen?.textContent));
    if (focused) same.querySelector("[aria-selected=true]").focus();
  }

  async function submit(event) {
    event.preventDefault();
    submitted = true;
    clearTimeout(timer);
    send.disabled = true;
    const body = requestOf(fields, request);
    try {
      const made = await post(JOBS, body, { headers: { "Idempotency-Key": sendingKey(body) } });
      sessionStorage.removeItem(SENDING);
      dropDraft();
      localStorage.setItem(PROJECT, body.project_id);
      notify("Job created.");
      location.hash = `#/jobs/${made.job_id}`;
    } catch (error) {
      if (error instanceof ApiError && error.status === 422) found(error.fields, "");
      else found(null, error instanceof Unreachable ? `${error.message} Send it again: it creates one job only.` : error.message);
      form.querySelector("[aria-invalid=true]")?.focus();
    } finally {
      send.disabled = false;
    }
  }

  function clear() {
    dropDraft();
    dispatchEvent(new Event("hashchange"));
  }

  arrange();
  check();
  controls.get("dataset_id").control.focus();
}

const nameOf = (problem) => String(problem.loc[1] ?? "");

/** One key per body: a request repeated after a lost answer creates no second job. */
function sendingKey(body) {
  const text = JSON.stringify(body);
  const before = JSON.parse(sessionStorage.getItem(SENDING) ?? "null");
  if (before?.text === text) return before.key;
  const key = newUuid();
  sessionStorage.setItem(SENDING, JSON.stringify({ text, key }));
  return key;
}

/** A random UUID (version 4); `crypto.randomUUID` is not there over plain HTTP. */
function newUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
