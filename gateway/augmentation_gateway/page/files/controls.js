// One field of the form: its label, control, help and problem.

import { fill, h, say } from "./dom.js";
import { LINES, textOf, valueOf } from "./line_fields.js";
import { ANSWERS } from "./request_fields.js";

/**
 * A field. `read()` is the value to send, undefined for none; text that is no number is sent as typed, so that the
 * gateway's own message says so.
 */
export function makeField(name, label, schema, value, changed) {
  const id = `field-${name}`;
  const about = { id, name, "aria-describedby": `${id}-help ${id}-problem`, onInput: changed, onChange: changed, onBlur: changed };
  const control = makeControl(about, schema, value);
  const problem = h("p", { class: "problem", id: `${id}-problem` });
  const help = h("p", { class: "help", id: `${id}-help` }, describe(schema));
  const checkbox = schema.type === "boolean" && !ANSWERS[name];
  const element = h("div", { class: checkbox ? "field tick" : "field" }, h("label", { for: id }, label), control, help, problem);
  return { element, control, read: () => readControl(control, schema), complain: (text) => complain(control, problem, text) };
}

/** A pair of numbers, smallest and largest, that share one line for what is wrong. */
export function makeRange({ name, label, description }, schemas, values, changed) {
  const ends = ["min", "max"].map((end) => {
    const full = `${name}_${end}`;
    const control = makeControl({ id: `field-${full}`, name: full, "aria-label": `${label}, ${end === "min" ? "smallest" : "largest"}`, "aria-describedby": `field-${name}-help field-${name}-problem`, onInput: changed, onBlur: changed }, schemas[full], values[full]);
    return { name: full, control, read: () => readControl(control, schemas[full]) };
  });
  const problem = h("p", { class: "problem", id: `field-${name}-problem` });
  const [low, high] = [schemas[`${name}_min`], schemas[`${name}_max`]];
  const [least, most] = [low.minimum ?? "", high.maximum ?? ""];
  const help = h("p", { class: "help", id: `field-${name}-help` }, `${description}${least !== "" ? ` · ${least} to ${most}` : ""}`);
  const element = h("div", { class: "field range", role: "group", "aria-label": label },
    h("span", { class: "label" }, label), h("span", { class: "ends" }, ends[0].control, h("span", { "aria-hidden": "true" }, "to"), ends[1].control), help, problem);
  return { element, ends: ends.map((end) => ({ ...end, complain: (text) => complain(end.control, problem, text) })), clear: () => say(problem, "") };
}

function makeControl(about, schema, value) {
  if (schema.enum) {
    const unset = schema.default ?? null;
    const choices = unset === null ? ["", ...schema.enum] : schema.enum;
    return h("select", about, choices.map((each) => h("option", { value: each, selected: each === String(value ?? unset ?? "") }, each || "default")));
  }
  const answers = ANSWERS[about.name];
  if (answers) return h("select", about, Object.entries(answers).map(([each, label]) => h("option", { value: each, selected: each === `${value ?? ""}` }, label)));
  if (schema.type === "boolean") {
    const box = h("input", { ...about, type: "checkbox" });
    box.checked = value ?? false;
    return box;
  }
  if (LINES[about.name]) {
    const area = h("textarea", { ...about, rows: "2", spellcheck: "false", placeholder: LINES[about.name].placeholder });
    area.value = textOf(about.name, value);
    return area;
  }
  const many = schema.type === "array";
  if (about.name === "cosmos_prompt" || about.name === "cosmos_prompts") {
    const area = h("textarea", { ...about, rows: "3", placeholder: many ? "One per line" : null });
    area.value = many ? (value ?? []).join("\n") : value ?? "";
    return area;
  }
  const isNumber = schema.type === "number" || schema.type === "integer";
  const input = h("input", { ...about, type: "text", autocomplete: "off", spellcheck: "false", inputmode: isNumber ? "decimal" : null, placeholder: placeholder(schema) });
  input.value = many ? (value ?? []).join(", ") : value ?? "";
  return input;
}

function readControl(control, schema) {
  if (LINES[control.name]) return valueOf(control.name, control.value);
  if (ANSWERS[control.name]) return control.value ? control.value === "true" : undefined;
  if (schema.type === "boolean") return control.checked || undefined;
  if (schema.enum) return control.value === (schema.default ?? "") ? undefined : control.value;
  const text = control.value.trim();
  if (text === "") return undefined;
  if (schema.type === "array") return text.split(control.tagName === "TEXTAREA" ? "\n" : ",").map((each) => each.trim()).filter(Boolean);
  if (schema.type === "number" || schema.type === "integer") return Number.isFinite(Number(text)) ? Number(text) : text;
  return text;
}

function placeholder(schema) {
  return schema.default !== undefined && schema.default !== null ? String(schema.default) : "";
}

function describe(schema) {
  const limits = schema.minimum !== undefined && schema.maximum !== undefined && schema.maximum < 1e9 ? ` · ${schema.minimum} to ${schema.maximum}` : "";
  return (schema.description ?? "").replaceAll("`", "").replace(/^Generative only: /, "") + limits;
}

/** Show what is wrong with a control; lines below the first are a place in its text, with a caret. */
function complain(control, problem, text) {
  const [sentence, ...place] = text.split("\n");
  if (problem.textContent !== text) fill(problem, sentence, place.length > 0 && ["\n", h("code", { class: "place" }, place.join("\n"))]);
  if (text) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}
