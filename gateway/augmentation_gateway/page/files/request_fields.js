// What the form asks, in its order. Types, limits, defaults, descriptions and the parameters of transforms and models come
// from the gateway's OpenAPI document.

export const SECTIONS = [
  ["Source", [["dataset_id", "Dataset"], ["revision", "Revision"], ["path", "Folder"], ["source_anonymous", "Read without credentials"], ["episodes", "Episodes"], ["splits", "Splits"], ["where", "Condition on episodes"], ["cameras", "Cameras"], ["on_bad_episode", "Unreadable ones"]]],
  ["Result", [["augment_dataset_mode", "Copies go"], ["output_dataset_id", "Publish as"], ["private", "Visibility"], ["video_profile", "Videos"], ["video_codec", "Codec"], ["video_crf", "Constant rate factor"], ["video_gop", "Keyframe interval"], ["video_preset", "Encoder's preset"], ["video_encoder", "Encoder"]]],
  ["Job", [["name", "Name"], ["project_id", "Project"], ["seed", "Seed"], ["parallelism", "Shards at once"], ["pending_deadline_seconds", "Longest wait, seconds"]]],
];

/** The fields of masks and instructions, after the transforms. */
export const LABELS = [["masks", "Masks"], ["background_images", "Folder of background images"], ["also_apply_to", "Streams that move with a camera"], ["calibration", "Calibrations of moved cameras"], ["tasks", "Instructions of copies"]];

/** The fields that say which transforms each copy and camera gets, before the transforms themselves. */
export const SCENE = [["preset", "Preset"], ["choose", "Transforms per copy"], ["across_cameras", "Across cameras"]];

/** Labels of the choices of a boolean that may be left unset. */
export const ANSWERS = { private: { "": "as the source", true: "private", false: "public" } };

/** The transforms of the draft, in order of application: those of its preset, unless it names some. */
export function chosenTransforms(fields, presets) {
  const preset = presets[fields.preset];
  if (preset && fields.augment_transforms === undefined) return preset.transforms;
  return (fields.augment_transforms ?? "lighting").split(",").map((name) => name.trim()).filter(Boolean);
}

/** The fields of some parameters: of a range, its `_min` and its `_max`. */
export function fieldsOf(parameters) {
  return parameters.flatMap(({ name, is_range }) => (is_range ? [`${name}_min`, `${name}_max`] : [name]));
}

/** The body to send: without the fields that mean nothing together with the others. */
export function requestOf(fields, { transforms, generative, presets }) {
  const body = { ...fields };
  const chosen = chosenTransforms(fields, presets);
  const independent = fields.augment_mode === "independent";
  const unused = Object.keys(transforms).filter((name) => !chosen.includes(name)).flatMap((name) => transforms[name]);
  if (fields.augmentation_type !== "generative") unused.push(...generative);
  for (const field of fieldsOf(unused)) delete body[field];
  if (independent || fields.augment_dataset_mode === "inplace") delete body.augment_copies;
  const copies = Object.entries(fields.augment_copies_per_transform ?? {}).filter(([name]) => chosen.includes(name));
  if (independent && copies.length) body.augment_copies_per_transform = Object.fromEntries(copies);
  else delete body.augment_copies_per_transform;
  return body;
}

/**
 * What the document says of the request. `schemas`: {type, enum, default, minimum, maximum, maxLength, description} by
 * field. `transforms`: by name, the parameters of each. `generative`: the parameters of a generative model. A parameter is
 * {name, label, description, is_range}. `presets`: by name {source, transforms, choose, values}, values by field.
 */
export function readRequest(document) {
  const { schemas } = document.components;
  const plain = (schema) => {
    const found = schema.$ref ? schemas[schema.$ref.split("/").pop()] : schema;
    const given = found.anyOf?.find((each) => each.type !== "null");
    return { ...(given ? plain(given) : {}), ...found, ...schema };
  };
  const request = schemas.AugmentationRequest;
  return {
    schemas: Object.fromEntries(Object.entries(request.properties).map(([name, schema]) => [name, plain(schema)])),
    transforms: request["x-transforms"],
    generative: request["x-generative"],
    presets: request["x-presets"],
  };
}
