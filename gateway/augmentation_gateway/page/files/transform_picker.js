// The transforms of a job, in the order in which they are applied, each with its ranges.

import { makeField, makeRange } from "./controls.js";
import { fill, h, icon, ICONS } from "./dom.js";
import { chosenTransforms, TRANSFORMS } from "./request_fields.js";

/** The picker. `controls` is the form's map of fields by name, kept up to date; `changed` is called after each change. */
export function makePicker(schemas, fields, controls, changed) {
  const list = h("ol", { class: "picked" });
  const rest = h("div", { class: "rest", role: "group", "aria-label": "Add a transform" });
  const problem = h("p", { class: "problem", id: "field-augment_transforms-problem" });
  controls.set("augment_transforms", { control: rest, complain: (text) => { problem.textContent = text; } });

  function choose(names, focus) {
    fields.augment_transforms = names.join(",");
    draw();
    changed();
    (focus ? list.querySelector(focus) : null)?.focus();
  }

  function draw() {
    const names = chosenTransforms(fields);
    for (const transform of Object.values(TRANSFORMS)) {
      for (const [range] of transform.ranges) for (const end of ["min", "max"]) controls.delete(`${range}_${end}`);
      controls.delete(transform.kind);
    }
    fill(list, names.filter((name) => name in TRANSFORMS).map((name, at) => card(name, at, names)));
    fill(rest, Object.keys(TRANSFORMS).filter((name) => !names.includes(name)).map((name) => h("button", { type: "button", class: "chip add", "aria-label": `Add ${name}`, onClick: () => choose([...names, name], `[data-name="${name}"] input, [data-name="${name}"] select`) }, icon(ICONS.plus), name)));
  }

  function card(name, at, names) {
    const move = (step) => {
      const moved = names.filter((each) => each !== name);
      moved.splice(at + step, 0, name);
      choose(moved, `[data-name="${name}"] button:not(:disabled)`);
    };
    const { kind, ranges } = TRANSFORMS[name];
    const inside = [];
    if (kind) {
      const field = makeField(kind, "Kind", schemas[kind], fields[kind], changed);
      controls.set(kind, field);
      inside.push(field.element);
    }
    for (const [range, label] of ranges) {
      const made = makeRange(range, label, schemas, fields, changed);
      for (const end of made.ends) controls.set(end.name, end);
      inside.push(made.element);
    }
    if (fields.augment_mode === "independent") inside.push(versions(name));
    const button = (label, path, disabled, does) => h("button", { type: "button", class: "bare", "aria-label": `${label} ${name}`, title: label, disabled, onClick: does }, icon(path));
    return h("li", { "data-name": name },
      h("div", { class: "picked-head" }, h("b", {}, name),
        button("Earlier", ICONS.up, at === 0, () => move(-1)), button("Later", ICONS.down, at === names.length - 1, () => move(1)),
        h("button", { type: "button", class: "bare", "aria-label": `Remove ${name}`, disabled: names.length === 1, title: names.length === 1 ? "A job has at least one transform" : "Remove", onClick: () => choose(names.filter((each) => each !== name)) }, "×")),
      h("div", { class: "grid" }, inside));
  }

  /** How many versions a transform gets, where each has its own. */
  function versions(name) {
    const schema = { type: "integer", default: 1, description: "Versions of each episode with this transform" };
    const field = makeField(`copies-${name}`, "Versions", schema, fields.augment_copies_per_transform?.[name], () => {
      const copies = { ...fields.augment_copies_per_transform, [name]: field.read() };
      if (copies[name] === undefined) delete copies[name];
      fields.augment_copies_per_transform = copies;
      changed();
    });
    return field.element;
  }

  draw();
  return { element: h("div", {}, list, h("h3", { class: "add-head" }, "Add"), rest, problem), draw };
}
