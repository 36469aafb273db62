// The transforms of a job, in order of application, each with its parameters.

import { makeField, makeRange } from "./controls.js";
import { fill, h, icon, ICONS } from "./dom.js";
import { chosenTransforms, fieldsOf } from "./request_fields.js";

/** The picker. `controls` is the form's map of fields by name, kept up to date; `changed` is called after each change. */
export function makePicker({ schemas: known, transforms, presets }, fields, controls, changed) {
  let schemas = known;
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
    const names = chosenTransforms(fields, presets);
    const values = presets[fields.preset]?.values ?? {};
    schemas = { ...known, ...Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { ...known[name], default: value }])) };
    for (const field of fieldsOf(Object.values(transforms).flat())) controls.delete(field);
    fill(list, names.filter((name) => name in transforms).map((name, at) => card(name, at, names)));
    fill(rest, Object.keys(transforms).filter((name) => !names.includes(name)).map((name) => h("button", { type: "button", class: "chip add", "aria-label": `Add ${name}`, onClick: () => choose([...names, name], `[data-name="${name}"] input, [data-name="${name}"] select`) }, icon(ICONS.plus), name)));
  }

  function card(name, at, names) {
    const move = (step) => {
      const moved = names.filter((each) => each !== name);
      moved.splice(at + step, 0, name);
      choose(moved, `[data-name="${name}"] button:not(:disabled)`);
    };
    const inside = [];
    for (const parameter of transforms[name]) {
      if (parameter.is_range) {
        const range = makeRange(parameter, schemas, fields, changed);
        for (const end of range.ends) controls.set(end.name, end);
        inside.push(range.element);
      } else {
        const field = makeField(parameter.name, parameter.label, schemas[parameter.name], fields[parameter.name], changed);
        controls.set(parameter.name, field);
        inside.push(field.element);
      }
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
