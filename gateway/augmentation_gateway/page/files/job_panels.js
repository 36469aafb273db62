// The panels of a job: each renders a part of the resource (spec and status, as kubectl shows them).

import { gatewayAddress, JOBS } from "./api.js";
import { linesOf } from "./camera_entries.js";
import { snippet } from "./dialogs.js";
import { h, keyed, say } from "./dom.js";
import { bytes, clock, duration, moment, number, plural, price } from "./format.js";
import { PHASES } from "./states.js";
import { yamlDocument } from "./yaml.js";

/** A list of names and values; what has no value is left out. */
function facts(entries) {
  return h("dl", { class: "facts" }, entries.filter(([, value]) => value !== undefined && value !== null && value !== "").map(
    ([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** "12 of 24 episodes · 684 of 1,368 frames · 84 frames per second · about 2m left" */
export function progressLine(status) {
  const { progress } = status;
  // A job waits in a queue after it was resolved: its state is "running" by then.
  if (["queued", "running"].includes(status.state) && status.queue?.position !== undefined) {
    return `Position ${status.queue.position + 1} of ${status.queue.depth ?? "?"} in the queue`;
  }
  if (!progress) return status.message ?? "";
  const parts = [];
  if (progress.episodes?.total) parts.push(`${number(progress.episodes.done ?? 0)} of ${plural(progress.episodes.total, "episode")}`);
  if (progress.frames?.total) parts.push(`${number(progress.frames.done ?? 0)} of ${plural(progress.frames.total, "frame")}`);
  if (progress.bytes?.done) parts.push(progress.bytes.total > progress.bytes.done ? `${bytes(progress.bytes.done)} of about ${bytes(progress.bytes.total)}` : bytes(progress.bytes.done));
  if (status.state === "running") {
    if (progress.framesPerSecond) parts.push(`${number(Math.round(progress.framesPerSecond))} frames per second`);
    if (progress.estimatedSecondsRemaining) parts.push(`about ${duration(progress.estimatedSecondsRemaining)} left`);
  }
  return parts.join(" · ");
}

/** Why a job failed or is blocked: {title, reason, text}, or null where nothing is wrong. */
export function trouble(status) {
  const found = (type, is) => (status.conditions ?? []).find((each) => each.type === type && each.status === is && each.message);
  if (status.state === "failed") {
    const failed = found("Failed", "True");
    const error = (status.phases ?? []).map((phase) => phase.error).filter(Boolean).at(-1);
    return { title: "The job failed", reason: failed?.reason ?? "", text: failed?.message ?? error ?? status.message ?? "" };
  }
  if (status.state === "completed" || status.state === "cancelled") return null;
  const waiting = found("Accepted", "False") ?? found("Admitted", "False") ?? found("Placed", "False") ?? found("Suspended", "True");
  return waiting ? { title: "The job is waiting", reason: waiting.reason, text: waiting.message, mild: true } : null;
}

export function where({ spec, status }) {
  const place = status.placement ?? {};
  const usage = status.usage ?? {};
  return facts([
    ["Class", status.className ?? spec.className],
    ["Node", place.node], ["Instance", place.instanceType], ["Accelerator", place.accelerator],
    ["Zone", place.zone ?? place.region], ["Placement", place.placement],
    ["Attempt", status.attempt ? number(status.attempt + 1) : null],
    ["Pod retries", status.retryCount ? number(status.retryCount) : null],
    ["Preemptions", status.preemptionCount ? number(status.preemptionCount) : null],
    ["GPU time", usage.acceleratorSeconds ? duration(usage.acceleratorSeconds) : null],
    ["CPU time", usage.cpuSeconds ? duration(usage.cpuSeconds) : null],
    ["Price", [usage.price === undefined ? null : price(usage.price), status.progress?.estimatedPrice !== undefined && `of about ${price(status.progress.estimatedPrice)}`].filter(Boolean).join(" ")],
    ["Priority", spec.priorityClassName], ["Queue", spec.queueName],
    ["Project", spec.projectID && h("code", {}, spec.projectID)],
  ]);
}

/** The episodes that cannot be used; null where there are none. */
export function badEpisodes({ spec, status }) {
  const { count, items = [], file } = status.badEpisodes ?? {};
  if (!count) return null;
  const skipped = spec.onBadEpisode === "skip";
  return [
    h("p", {}, `${number(count)} of the selected episodes or rows cannot be used${skipped ? " and have no augmented version" : ""}.`),
    h("ul", { class: "bad-episodes" }, items.map(({ cause }) => h("li", {}, cause))),
    count > items.length && h("p", { class: "help" }, `${number(count - items.length)} more${file ? `: see ${file} of the dataset` : ""}`),
  ];
}

export function source({ spec, status }) {
  const found = status.source ?? {};
  const { hub, volume } = spec.source;
  const name = hub ? [hub.repoID, hub.path].filter(Boolean).join("/") : volume ? `${volume.claimName}:${volume.path ?? "dataset"}` : urlOf(spec.source);
  const store = spec.source.s3 ?? spec.source.gcs ?? spec.source.azure;
  return facts([
    ["Dataset", h("code", {}, name)],
    ["Endpoint", store?.endpoint],
    ["Revision", (found.revision ?? hub?.revision) && h("code", {}, (found.revision ?? hub.revision).slice(0, 12))],
    ["Format", found.format],
    ["Episodes", found.episodes !== undefined ? `${number(found.episodes)}${found.selectedEpisodes !== undefined && found.selectedEpisodes !== found.episodes ? `, ${number(found.selectedEpisodes)} of them selected` : ""}` : null],
    ["Frames", found.frames !== undefined ? number(found.frames) : null],
    ["Cameras", found.cameras?.length ? found.cameras.map((camera) => h("code", { class: "camera" }, camera)) : null],
  ]);
}

/** The URL of a folder in an object store, as the vendor's tools write it. */
export function urlOf({ s3, gcs, azure }) {
  const place = s3 ?? gcs ?? azure;
  const root = s3 ? `s3://${s3.bucket}` : gcs ? `gs://${gcs.bucket}` : `abfss://${azure.container}@${azure.account}.dfs.core.windows.net`;
  return place.path ? `${root}/${place.path}` : root;
}

/** How to copy a result from its store and load it; null for one that is in none. */
function loadFromStore(datasetID, images) {
  const [, scheme, root, path] = /^(s3|gs|abfss):\/\/([^/]+)\/(.+)$/.exec(datasetID) ?? [];
  if (!scheme) return null;
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const folder = path.split("/").pop();
  const [container, account] = root.split("@");
  const copy = {
    s3: `aws s3 sync ${quoted(datasetID)} ${quoted(folder)}`,
    gs: `mkdir -p ${quoted(folder)} && gcloud storage rsync -r ${quoted(datasetID)} ${quoted(folder)}`,
    abfss: `az storage blob download-batch --account-name ${quoted(account?.split(".")[0] ?? "")} --source ${quoted(container)} --pattern ${quoted(`${path}/*`)} --destination .`,
  }[scheme];
  const local = JSON.stringify(scheme === "abfss" ? path : folder);
  const open = images
    ? `from datasets import load_dataset\n\ndataset = load_dataset(${local})`
    : `from lerobot.datasets.lerobot_dataset import LeRobotDataset\n\ndataset = LeRobotDataset("local/dataset", root=${local})`;
  return `# in a terminal: ${copy}\n${open}`;
}

/** What was published and how to load it; null until there is something. */
export function result({ status }) {
  const output = status.output ?? {};
  if (!output.revision) return null;
  const link = /^https?:/.test(output.url ?? "");
  const images = (status.source?.format ?? "").includes("images");
  const copied = loadFromStore(output.datasetID ?? "", images);
  const load = images
    ? `from datasets import load_dataset\n\ndataset = load_dataset("${output.datasetID}", revision="${output.revision}")`
    : `from lerobot.datasets.lerobot_dataset import LeRobotDataset\n\ndataset = LeRobotDataset("${output.datasetID}", revision="${output.revision}")`;
  return [
    facts([
      ["Dataset", link ? h("a", { href: output.url, target: "_blank", rel: "noopener noreferrer" }, output.datasetID) : h("code", {}, output.datasetID)],
      ["Revision", h("code", {}, output.revision.slice(0, 12))],
      ["Episodes", output.episodes !== undefined ? number(output.episodes) : null],
      ["Frames", output.frames !== undefined ? number(output.frames) : null],
    ]),
    link ? snippet(load, "Load it in Python") : copied && snippet(copied, "Load it in Python"),
  ];
}

/** The requested parameters: each transform with its ranges, in order. */
export function parameters({ spec }) {
  const asked = spec.augmentation ?? {};
  const transforms = asked.transforms ?? (asked.preset ? [] : ["lighting"]);
  const entries = asked.perCamera ?? [];
  const video = Object.entries(spec.output?.video ?? {}).filter(([name, value]) => value !== { codec: "source", encoder: "auto" }[name]);
  return [
    facts([
      ["Preset", asked.preset], ["Transforms per copy", asked.choose], ["Across cameras", asked.acrossCameras], ["Mode", asked.mode], ["Copies", asked.mode === "independent" ? null : asked.copies],
      ["Result", spec.output?.mode === "inPlace" ? "replaces the originals" : "added to the originals"],
      ["Videos", video.map(([name, value]) => `${name} ${value}`).join(", ") || null],
      ["Seed", asked.seed], ["Episodes", asked.episodes || "all"],
      ["Splits", asked.splits?.length ? asked.splits.join(", ") : "all"], ["Condition", asked.where || null], ["Cameras", asked.cameras?.length ? asked.cameras.join(", ") : "all"],
      ["Instructions", asked.tasks ? (asked.tasks.from ? "paraphrases of the dataset" : `paraphrases of ${plural(asked.tasks.paraphrases.length, "task")}`) : null],
    ]),
    h("ol", { class: "transforms" }, transforms.map((name) => h("li", {}, h("b", {}, name),
      asked.mode === "independent" && h("span", { class: "help" }, ` ${plural(asked.copiesPerTransform?.[name] ?? 1, "version")}`),
      asked[name] === undefined && h("span", { class: "help" }, asked.preset ? " as the preset says" : " default ranges"),
      facts(Object.entries(asked[name] ?? {}).map(([field, value]) => [words(field), typeof value === "object" ? `${value.min} to ${value.max}` : value]))))),
    entries.length > 0 && facts(entries.map((entry) => [`Camera ${entry.camera}`, [entry.transforms?.join(", "), ...linesOf(entry)].filter(Boolean).join("; ")])),
  ];
}

const words = (camel) => camel.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** One tile per shard with its progress; the tooltip has the rest. */
export function updateShards(list, status) {
  keyed(list, status.shards ?? [], (shard) => String(shard.index), () => {
    return h("li", {}, h("b", {}), h("progress", { max: "100", "aria-label": "Progress" }), h("span", { class: "help" }), h("span", { class: "happened" }));
  }, (row, shard) => {
    const [name, bar, state, happened] = row.children;
    const { total = 0, done = 0 } = shard.frames?.total ? shard.frames : shard.episodes ?? {};
    say(name, `${shard.index}`);
    bar.value = shard.state === "completed" ? 100 : total ? (100 * done) / total : 0;
    bar.className = shard.state ?? "queued";
    say(state, [shard.state ?? "waiting", shard.node, shard.attempt ? `attempt ${shard.attempt + 1}` : null].filter(Boolean).join(" · "));
    say(happened, shard.message ?? "");
    happened.classList.toggle("wrong", shard.state === "failed");
    row.title = `Shard ${shard.index}: ${state.textContent}${total ? `, ${number(done)} of ${number(total)}` : ""}${shard.framesPerSecond ? `, ${Math.round(shard.framesPerSecond)} frames per second` : ""}`;
  });
}

/** The events of all phases, newest first. */
export function updateEvents(list, status) {
  const order = (phase) => PHASES.indexOf(phase);
  const events = (status.phases ?? []).flatMap((phase) => (phase.events ?? []).map((event) => ({ ...event, phase: phase.name, at: event.timestamp ?? phase.startedAt ?? "" })));
  events.sort((a, b) => b.at.localeCompare(a.at) || order(b.phase) - order(a.phase) || b.id.localeCompare(a.id));
  // An event that is updated, as progress is, is shown as a new one.
  keyed(list, events, (event) => [event.phase, event.id, event.at, event.message, event.error].join("\n"), (event) => h("li", { class: event.error ? "wrong" : null },
    event.at ? h("time", { datetime: event.at, title: moment(event.at) }, clock(event.at)) : h("span", {}),
    h("span", { class: "phase-name" }, event.phase),
    h("span", { class: "event-text" }, event.error ?? event.message ?? event.status ?? event.id,
      event.retryAttempt ? h("span", { class: "again" }, `attempt ${event.retryAttempt + 1}`) : null)), () => {});
  return events.length;
}

/** The equivalent kubectl and REST commands. */
export function elsewhere({ metadata, spec }, request) {
  const named = `${metadata.name} -n ${metadata.namespace}`;
  const address = `${gatewayAddress()}/${JOBS}`;
  const manifest = { apiVersion: "augmentation.dev/v1alpha1", kind: "AugmentationJob", metadata: { name: metadata.name, namespace: metadata.namespace }, spec: withoutControls(spec) };
  return {
    kubectl: `kubectl get augmentationjob ${named} -o yaml
kubectl describe augmentationjob ${named}
kubectl get pods -n ${metadata.namespace} -l augmentation.dev/job-uid=${metadata.uid}
kubectl patch augmentationjob ${named} --type merge -p '{"spec":{"cancel":true}}'`,
    REST: `curl ${address}/${metadata.uid} -H "x-api-key: $API_KEY"
curl -N ${address}/${metadata.uid}/events -H "x-api-key: $API_KEY"
curl -X POST ${address}/${metadata.uid}/cancel -H "x-api-key: $API_KEY"`,
    "Same request": request && curlOf(request),
    Manifest: yamlDocument(manifest),
  };
}

/** A job's spec without the fields that control an existing job. */
function withoutControls({ cancel, suspend, attempt, ...rest }) {
  return rest;
}

/** The curl command that creates a job from these fields. */
export function curlOf(request) {
  // A quote inside a shell's quotes: end the text, an escaped quote, and begin the text again.
  const body = JSON.stringify(request, null, 2).replaceAll("'", "'\\''");
  return `curl -X POST ${gatewayAddress()}/${JOBS} -H "x-api-key: $API_KEY" \\
  -H 'content-type: application/json' -d '${body}'`;
}
