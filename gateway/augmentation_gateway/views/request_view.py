"""From the spec of a job back to the request that asks for it, for dialects that show what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.views.request import GENERATIVE_FIELDS

_RANGES = {
    "lighting": {
        "augment_brightness": "brightness",
        "augment_contrast": "contrast",
        "augment_color_temp": "colorTemperature",
    },
    "noise": {"noise_gaussian_sigma": "gaussianSigma", "noise_shot_scale": "shotScale"},
    "blur": {"blur_motion_kernel": "motionKernel", "blur_defocus_sigma": "defocusSigma"},
    "occlusion": {
        "occlusion_num_patches": "patches",
        "occlusion_patch_width": "patchWidth",
        "occlusion_patch_height": "patchHeight",
    },
    "gamma": {"gamma": "exponent"},
    "jpeg": {"jpeg_quality": "quality"},
    "shadow": {"shadow_strength": "strength", "shadow_softness": "softness"},
    "hueSaturation": {"hue_shift": "hue", "saturation": "saturation"},
}
_KINDS = {"noise": "noise_type", "blur": "blur_type", "occlusion": "occlusion_type"}


def request_of(record: JobRecord) -> dict[str, Any]:
    """The fields of AugmentationRequest that ask for this job, also where it was made with kubectl.

    Read from the object as it is, with the defaults the API server filled in: a field that a newer release added to the
    spec is left out, not stumbled over. What this API has no field for (a volume, say) is not told.
    """
    spec = record.raw["spec"]
    augmentation, output = spec.get("augmentation", {}), spec.get("output", {})
    transforms = augmentation.get("transforms", ["lighting"])
    hub_source, hub_output = spec["source"].get("hub", {}), output.get("hub", {})
    fields = {
        "project_id": spec.get("projectID"),
        "dataset_id": hub_source.get("repoID"),
        "augmentation_type": record.type,
        "name": spec.get("displayName"),
        "augment_transforms": ",".join(transforms),
        "augment_mode": augmentation.get("mode"),
        "augment_copies": augmentation.get("copies"),
        "augment_copies_per_transform": augmentation.get("copiesPerTransform"),
        "augment_dataset_mode": "inplace" if output.get("mode") == "inPlace" else "copy",
        "seed": augmentation.get("seed"),
        "revision": hub_source.get("revision"),
        "output_dataset_id": hub_output.get("repoID"),
        "private": hub_output.get("private"),
        "parallelism": spec.get("parallelism"),
        "cameras": augmentation.get("cameras") or None,
        "episodes": augmentation.get("episodes") or None,
    }
    for name in transforms:
        fields |= _transform(name, augmentation.get(name, {}))
    fields |= _generative(spec.get("generative", {}))
    return {name: value for name, value in fields.items() if value is not None}


def _transform(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for prefix, field in _RANGES.get(name, {}).items():
        drawn = given.get(field, {})
        fields |= {f"{prefix}_min": drawn.get("min"), f"{prefix}_max": drawn.get("max")}
    if name in _KINDS:
        fields[_KINDS[name]] = given.get("kind")
    return fields


def _generative(given: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: given.get(_camel(name.removeprefix("cosmos_"))) for name in GENERATIVE_FIELDS}
    return {name: value for name, value in values.items() if value != []}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
