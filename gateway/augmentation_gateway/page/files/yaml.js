// JSON values as YAML that kubectl reads: blocks, and quotes wherever a plain text could be taken for something else.

const PLAIN = /^[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$/;
const WORDS = /^(true|false|yes|no|on|off|null|y|n)$/i;

/** A manifest as YAML. */
export function toYaml(value, indent = "") {
  if (Array.isArray(value)) {
    if (value.every((each) => each === null || typeof each !== "object")) return `[${value.map(scalar).join(", ")}]`;
    return value.map((each) => `\n${indent}- ${toYaml(each, `${indent}  `).trimStart()}`).join("");
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value);
    if (entries.length === 0) return "{}";
    if (isRange(value)) return `{${entries.map(([name, each]) => `${name}: ${scalar(each)}`).join(", ")}}`;
    return entries.map(([name, each]) => {
      const text = toYaml(each, `${indent}  `);
      return `\n${indent}${scalar(name)}:${text.startsWith("\n") ? "" : " "}${text}`;
    }).join("");
  }
  return scalar(value);
}

/** A whole document. */
export const yamlDocument = (value) => `${toYaml(value).trimStart()}\n`;

function isRange(value) {
  return Object.keys(value).every((name) => name === "min" || name === "max");
}

function scalar(value) {
  if (typeof value !== "string") return JSON.stringify(value);
  return PLAIN.test(value) && !WORDS.test(value) ? value : JSON.stringify(value);
}
