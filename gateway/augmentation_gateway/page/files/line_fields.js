// Fields of the request that are written as lines of text: maps by camera, and instructions in other words.

/** "a: b, c" per line ↔ {a: ["b", "c"]}; with `single` {a: "b"}. A line without a colon is sent as it is typed. */
function byCamera(placeholder, single) {
  return {
    placeholder,
    write: (value) => Object.entries(value).map(([camera, streams]) => `${camera}: ${single ? streams : streams.join(", ")}`),
    read: (lines) => Object.fromEntries(lines.map((line) => {
      const [camera, streams = ""] = split(line, ":");
      return [camera, single ? streams : streams.split(",").map((each) => each.trim()).filter(Boolean)];
    })),
  };
}

export const LINES = {
  masks: byCamera("observation.images.top: observation.masks.top", true),
  also_apply_to: byCamera("observation.images.top: observation.masks.top", false),
  tasks: {
    placeholder: "dataset, or a line per task:\npick the cube => grasp the cube | take the cube",
    write: ({ from, paraphrases }) => (from ? [from] : (paraphrases ?? []).map((each) => `${each.task} => ${each.as.join(" | ")}`)),
    read: (lines) => (lines.length === 1 && !lines[0].includes("=>") ? { from: lines[0].trim() } : {
      paraphrases: lines.map((line) => {
        const [task, texts = ""] = split(line, "=>");
        return { task, as: texts.split("|").map((each) => each.trim()).filter(Boolean) };
      }),
    }),
  },
};

/** The parts of a line before and after the first separator, without the spaces around them. */
function split(line, separator) {
  const at = line.indexOf(separator);
  return at < 0 ? [line.trim()] : [line.slice(0, at).trim(), line.slice(at + separator.length).trim()];
}

/** The text of a field that was sent so far. */
export const textOf = (name, value) => (value === undefined || value === null ? "" : LINES[name].write(value).join("\n"));

/** The value of a text; undefined for an empty one. */
export function valueOf(name, text) {
  const lines = text.split("\n").filter((line) => line.trim());
  return lines.length ? LINES[name].read(lines) : undefined;
}
