// The form's estimate: frames, bytes, time and price of the job, from a dry run. A preview has to have read the dataset.

import { bytes, duration, number, plural, price } from "./format.js";
import { fill, h, say } from "./dom.js";

/** The panel. Call `show(estimate, missing)` with what the dry run answered; null and null: there is none now. */
export function makeEstimate() {
  const note = h("p", { class: "quiet", role: "status" }, "Fill in the form to see what the job would take.");
  const facts = h("dl", { class: "facts" });
  const element = h("section", { class: "card panel estimate", "aria-label": "Estimate" }, h("h2", {}, "Estimate"), facts, note);

  function show(estimate, missing) {
    const entries = estimate ? [["Frames", frames(estimate)], ["Size", `about ${bytes(estimate.bytes)}`], ...estimate.nodes.map((node) => [node.placement, onNode(node)]), ...estimate.other_classes.flatMap(ofClass)] : [];
    fill(facts, entries.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
    const others = estimate?.other_classes.length ? "With kubectl, spec.className names another class." : null;
    if (estimate) say(note, [`As class ${estimate.class_name}, on free nodes that have the images.`, others, estimate.note && `${estimate.note}.`].filter(Boolean).join(" "));
    // The whole sentence is for scripts; here a preview is one button away.
    else if (missing?.includes("/v1/previews")) say(note, "Not known yet: no job has read this selection of the dataset. Preview reads it.");
    else say(note, missing ?? "Fill in the form to see what the job would take.");
  }

  return { element, show };
}

/** Of another class: "gpu-l4: spot". */
function ofClass({ class_name: name, nodes }) {
  return nodes.map((node) => [`${name}: ${node.placement}`, onNode(node)]);
}

function frames({ frames: count, images }) {
  return images === count ? number(count) : `${number(count)}, ${plural(images, "image")}`;
}

/** "12m 5s to 40m on 4 pods of 2 cores, price 1.20"; one time where both read alike. */
function onNode(node) {
  const times = [node.minutes, node.minutes_at_most].filter((minutes) => minutes !== null).map((minutes) => duration(60 * minutes));
  const time = [...new Set(times)].join(" to ");
  const where = `on ${plural(node.pods, "pod")} of ${plural(node.cores, "core")}${node.accelerators ? ` and ${plural(node.accelerators, "GPU")}` : ""}`;
  return `${time} ${where}${node.price === null ? "" : `, price ${price(node.price)}`}`;
}
