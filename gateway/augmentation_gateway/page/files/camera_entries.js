// Cameras that get other transforms or ranges than the rest: one entry each, its ranges as lines of text.

import { fill, h, say } from "./dom.js";

const LINE = /^\s*(\w+)\.(\w+)\s*:\s*(.+?)\s*$/;
const RANGE = /^(-?[\d.]+)\s*(?:to|\.\.)\s*(-?[\d.]+)$/;

/** The list of `fields.per_camera`; `changed` is called after each change. */
export function makeCameraEntries(schema, fields, changed) {
  const list = h("ol", { class: "picked cameras" });
  const problem = h("p", { class: "problem", id: "field-per_camera-problem" });
  const add = h("button", { type: "button", class: "chip add", onClick: () => write([...entries(), { camera: "" }], true) }, "Add a camera");
  const entries = () => fields.per_camera ?? [];

  function write(changedEntries, redraw) {
    if (changedEntries.length) fields.per_camera = changedEntries;
    else delete fields.per_camera;
    if (redraw) draw();
    changed();
  }

  function draw() {
    fill(list, entries().map((entry, at) => h("li", {}, h("div", { class: "grid" },
      text(at, "camera", "Camera key, or a pattern such as *wrist*", entry.camera),
      text(at, "transforms", "Transforms, comma-separated", (entry.transforms ?? []).join(", "), "as the others"),
      ranges(at, entry)),
      h("button", { type: "button", class: "chip add", "aria-label": `Remove ${entry.camera || "this camera"}`, onClick: () => write(entries().filter((_, place) => place !== at), true) }, "Remove"))));
  }

  function text(at, name, label, value, placeholder) {
    const id = `field-per_camera-${at}-${name}`;
    const input = h("input", { id, name: "per_camera", type: "text", autocomplete: "off", spellcheck: "false", placeholder, "aria-describedby": problem.id });
    input.value = value ?? "";
    input.addEventListener("input", () => {
      const { [name]: _, ...others } = entries()[at];
      const names = input.value.split(",").map((each) => each.trim()).filter(Boolean);
      const given = name === "camera" ? { camera: input.value.trim() } : names.length ? { transforms: names } : {};
      write(entries().map((each, place) => (place === at ? { ...others, ...given } : each)), false);
    });
    return h("div", { class: "field" }, h("label", { for: id }, label), input);
  }

  function ranges(at, entry) {
    const id = `field-per_camera-${at}-ranges`;
    const area = h("textarea", { id, name: "per_camera", rows: "2", spellcheck: "false", placeholder: "lighting.brightness: -5 to 5", "aria-describedby": problem.id });
    area.value = linesOf(entry).join("\n");
    area.addEventListener("input", () => {
      const { camera, transforms } = entries()[at];
      const own = { camera, ...(transforms ? { transforms } : {}), ...rangesIn(area.value) };
      write(entries().map((each, place) => (place === at ? own : each)), false);
    });
    return h("div", { class: "field" }, h("label", { for: id }, "Own ranges, one per line"), area);
  }

  draw();
  const help = h("p", { class: "help" }, (schema.description ?? "").replace(/, as in a manifest.*$/s, ""));
  return { element: h("div", { role: "group", "aria-label": "Cameras that get something else" }, help, list, add, problem), control: add, complain: (sentence) => say(problem, sentence) };
}

/** An entry's own ranges as lines. */
export function linesOf({ camera, transforms, ...parameters }) {
  return Object.entries(parameters).flatMap(([transform, own]) => Object.entries(own).map(([name, value]) => `${transform}.${name}: ${typeof value === "object" ? `${value.min ?? ""} to ${value.max ?? ""}` : value}`));
}

/** The ranges in some lines. What cannot be read is kept as it is, so that the gateway says what is wrong with it. */
function rangesIn(text) {
  const found = {};
  for (const line of text.split("\n").filter((each) => each.trim())) {
    const [, transform, name, value] = LINE.exec(line) ?? [null, line.trim(), "", ""];
    const [, low, high] = RANGE.exec(value ?? "") ?? [];
    const read = low !== undefined ? { min: Number(low), max: Number(high) } : value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
    found[transform] = { ...found[transform], [name]: read };
  }
  return found;
}
