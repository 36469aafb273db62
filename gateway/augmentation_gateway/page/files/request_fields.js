// What the form asks, in its order. Types, limits, defaults and descriptions come from the gateway's OpenAPI document.

export const SECTIONS = [
  ["Source", [["dataset_id", "Dataset"], ["revision", "Revision"], ["episodes", "Episodes"], ["cameras", "Cameras"]]],
  ["Result", [["augment_dataset_mode", "Copies go"], ["output_dataset_id", "Publish as"], ["private", "Visibility"]]],
  ["Job", [["name", "Name"], ["project_id", "Project"], ["seed", "Seed"], ["parallelism", "Shards at once"]]],
];

/** Of a yes or no of which no answer is a third one: what each is called. */
export const ANSWERS = { private: { "": "as the source", true: "private", false: "public" } };

/** Of a transform: its kind, if it has kinds, and its ranges, each a field with `_min` and one with `_max`. */
export const TRANSFORMS = {
  lighting: { ranges: [["augment_brightness", "Brightness"], ["augment_contrast", "Contrast"], ["augment_color_temp", "Colour temperature"]] },
  noise: { kind: "noise_type", ranges: [["noise_gaussian_sigma", "Gaussian sigma"], ["noise_shot_scale", "Shot scale"]] },
  blur: { kind: "blur_type", ranges: [["blur_motion_kernel", "Motion length"], ["blur_defocus_sigma", "Defocus sigma"]] },
  occlusion: { kind: "occlusion_type", ranges: [["occlusion_num_patches", "Patches"], ["occlusion_patch_width", "Patch width"], ["occlusion_patch_height", "Patch height"]] },
  gamma: { ranges: [["gamma", "Exponent"]] },
  jpeg: { ranges: [["jpeg_quality", "Quality"]] },
  shadow: { ranges: [["shadow_strength", "Strength"], ["shadow_softness", "Softness"]] },
  hueSaturation: { ranges: [["hue_shift", "Hue"], ["saturation", "Saturation"]] },
};

export const GENERATIVE = [
  ["cosmos_prompt", "Prompt"], ["cosmos_prompts", "Prompts, one a line"], ["cosmos_control_type", "Control"], ["cosmos_control_weight", "Control weight"],
  ["cosmos_guidance", "Guidance"], ["cosmos_num_steps", "Steps"], ["cosmos_seed", "Seed of the model"], ["cosmos_model_variant", "Variant"],
  ["cosmos_camera_name", "Camera"], ["cosmos_disable_guardrails", "No content checks"],
];

/** The transforms that are chosen, in order. */
export function chosenTransforms(fields) {
  return (fields.augment_transforms ?? "lighting").split(",").map((name) => name.trim()).filter(Boolean);
}

/** All fields that belong to a transform. */
export function fieldsOf(name) {
  const { kind, ranges } = TRANSFORMS[name] ?? { ranges: [] };
  return [...(kind ? [kind] : []), ...ranges.flatMap(([range]) => [`${range}_min`, `${range}_max`])];
}

/** The body to send: without the fields that mean nothing beside the others. */
export function requestOf(fields) {
  const body = { ...fields };
  const chosen = chosenTransforms(fields);
  const independent = fields.augment_mode === "independent";
  for (const name of Object.keys(TRANSFORMS)) if (!chosen.includes(name)) for (const each of fieldsOf(name)) delete body[each];
  if (fields.augmentation_type !== "generative") for (const [name] of GENERATIVE) delete body[name];
  if (independent || fields.augment_dataset_mode === "inplace") delete body.augment_copies;
  const copies = Object.entries(fields.augment_copies_per_transform ?? {}).filter(([name]) => chosen.includes(name));
  if (independent && copies.length) body.augment_copies_per_transform = Object.fromEntries(copies);
  else delete body.augment_copies_per_transform;
  return body;
}

/** Of each field of the request {type, enum, default, minimum, maximum, maxLength, description}, by name. */
export function fieldSchemas(document) {
  const { schemas } = document.components;
  const plain = (schema) => {
    const found = schema.$ref ? schemas[schema.$ref.split("/").pop()] : schema;
    const given = found.anyOf?.find((each) => each.type !== "null");
    return { ...(given ? plain(given) : {}), ...found, ...schema };
  };
  return Object.fromEntries(Object.entries(schemas.AugmentationRequest.properties).map(([name, schema]) => [name, plain(schema)]));
}
