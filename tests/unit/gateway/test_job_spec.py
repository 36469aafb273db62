"""Mapping of native request fields to the spec of an AugmentationJob."""

from typing import Any

import pytest

from augmentation_api.spec import AugmentationJobSpec
from augmentation_api.transforms import TransformName
from augmentation_gateway.credentials.keys import ApiKey, Principal
from augmentation_gateway.jobs.create import manifest, readable_name
from augmentation_gateway.views.job_spec import to_job_spec
from augmentation_gateway.views.parameters import TRANSFORMS
from augmentation_gateway.views.request import AugmentationRequest
from tests.unit.gateway.job_objects import PROJECT_ID

REQUIRED = {"project_id": PROJECT_ID, "dataset_id": "lerobot/pusht"}
ALL_TRANSFORMS = ",".join(TransformName)
KEY = ApiKey(id="ci", sha256="0" * 64, principal=Principal(id="ci"), namespace="robots", projects=("*",))


def written(**fields: Any) -> dict[str, Any]:
    """The spec as it is written to Kubernetes for a request with these fields."""
    spec: dict[str, Any] = manifest(to_job_spec(AugmentationRequest(**{**REQUIRED, **fields})), KEY)["spec"]
    return spec


def at(tree: Any, path: str) -> Any:
    for part in path.split("."):
        tree = tree[part]
    return tree


LIGHTING_DEFAULTS = {
    "brightness": {"min": -15, "max": 15},
    "contrast": {"min": -10, "max": 10},
    "colorTemperature": {"min": 4000, "max": 6500},
}


def test_minimal_request_sets_rest_defaults_and_leaves_others_to_crd() -> None:
    assert written() == {
        "projectID": PROJECT_ID,
        "type": "deterministic",
        "source": {"hub": {"repoID": "lerobot/pusht"}},
        "output": {"mode": "copy"},
        "augmentation": {
            "transforms": ["lighting"],
            "mode": "stacked",
            "copies": 3,
            "lighting": LIGHTING_DEFAULTS,
        },
    }


@pytest.mark.parametrize(
    ("field", "value", "path", "expected"),
    [
        ("project_id", PROJECT_ID.upper(), "projectID", PROJECT_ID),
        ("dataset_id", "me/mine", "source.hub.repoID", "me/mine"),
        ("name", "Pick & Place", "displayName", "Pick & Place"),
        ("augmentation_type", "generative", "type", "generative"),
        ("augment_transforms", " noise , lighting ", "augmentation.transforms", ["noise", "lighting"]),
        ("augment_mode", "independent", "augmentation.mode", "independent"),
        ("augment_copies", 20, "augmentation.copies", 20),
        ("augment_copies_per_transform", {"noise": 2}, "augmentation.copiesPerTransform", {"noise": 2}),
        ("augment_dataset_mode", "copy", "output.mode", "copy"),
        ("on_bad_episode", "skip", "onBadEpisode", "skip"),
        ("augment_dataset_mode", "inplace", "output.mode", "inPlace"),
        ("augment_brightness_min", -50, "augmentation.lighting.brightness.min", -50),
        ("augment_brightness_max", 50, "augmentation.lighting.brightness.max", 50),
        ("augment_contrast_min", -50, "augmentation.lighting.contrast.min", -50),
        ("augment_contrast_max", 50, "augmentation.lighting.contrast.max", 50),
        ("augment_color_temp_min", 2000, "augmentation.lighting.colorTemperature.min", 2000),
        ("augment_color_temp_max", 10000, "augmentation.lighting.colorTemperature.max", 10000),
        ("noise_type", "shot", "augmentation.noise.kind", "shot"),
        ("noise_gaussian_sigma_min", 1, "augmentation.noise.gaussianSigma.min", 1),
        ("noise_gaussian_sigma_max", 20, "augmentation.noise.gaussianSigma.max", 20),
        ("noise_shot_scale_min", 0.1, "augmentation.noise.shotScale.min", 0.1),
        ("noise_shot_scale_max", 2, "augmentation.noise.shotScale.max", 2),
        ("blur_type", "motion", "augmentation.blur.kind", "motion"),
        ("blur_motion_kernel_min", 3, "augmentation.blur.motionKernel.min", 3),
        ("blur_motion_kernel_max", 21, "augmentation.blur.motionKernel.max", 21),
        ("blur_defocus_sigma_min", 0.2, "augmentation.blur.defocusSigma.min", 0.2),
        ("blur_defocus_sigma_max", 5, "augmentation.blur.defocusSigma.max", 5),
        ("occlusion_type", "solid", "augmentation.occlusion.kind", "solid"),
        ("occlusion_num_patches_min", 2, "augmentation.occlusion.patches.min", 2),
        ("occlusion_num_patches_max", 5, "augmentation.occlusion.patches.max", 5),
        ("occlusion_patch_width_min", 0.1, "augmentation.occlusion.patchWidth.min", 0.1),
        ("occlusion_patch_width_max", 0.5, "augmentation.occlusion.patchWidth.max", 0.5),
        ("occlusion_patch_height_min", 0.1, "augmentation.occlusion.patchHeight.min", 0.1),
        ("occlusion_patch_height_max", 0.5, "augmentation.occlusion.patchHeight.max", 0.5),
        ("seed", 7, "augmentation.seed", 7),
        ("seed", 0, "augmentation.seed", 0),
        ("revision", "v3.0", "source.hub.revision", "v3.0"),
        ("path", "pick_cube/lerobot", "source.hub.path", "pick_cube/lerobot"),
        ("output_dataset_id", "me/result", "output.hub.repoID", "me/result"),
        ("private", True, "output.hub.private", True),
        ("private", False, "output.hub.private", False),
        ("video_profile", "small", "output.video.profile", "small"),
        ("video_codec", "hevc", "output.video.codec", "hevc"),
        ("video_crf", 30, "output.video.crf", 30),
        ("video_gop", 10, "output.video.gop", 10),
        ("video_preset", 8, "output.video.preset", 8),
        ("video_preset", "veryfast", "output.video.preset", "veryfast"),
        ("video_encoder", "software", "output.video.encoder", "software"),
        ("parallelism", 4, "parallelism", 4),
        ("pending_deadline_seconds", 60, "pendingDeadlineSeconds", 60),
        ("cameras", ["observation.images.top"], "augmentation.cameras", ["observation.images.top"]),
        ("episodes", "0:100,150", "augmentation.episodes", "0:100,150"),
        ("splits", ["train"], "augmentation.splits", ["train"]),
        ("where", "success and task contains 'cup'", "augmentation.where", "success and task contains 'cup'"),
        ("tasks", {"from": "dataset"}, "augmentation.tasks", {"from": "dataset"}),
        (
            "tasks",
            {"paraphrases": [{"task": "Push", "as": ["Shove"]}]},
            "augmentation.tasks",
            {"paraphrases": [{"task": "Push", "as": ["Shove"]}]},
        ),
        ("also_apply_to", {"top": ["mask"]}, "augmentation.alsoApplyTo", {"top": ["mask"]}),
        ("masks", {"top": "mask"}, "augmentation.masks", {"top": "mask"}),
        ("background_images", "rooms/indoor", "augmentation.backgroundImages", "rooms/indoor"),
    ],
)
def test_field_is_written_to_its_spec_path(field: str, value: Any, path: str, expected: Any) -> None:
    # A field's own value stands last, so that it also overrides the transforms.
    assert at(written(**{"augment_transforms": ALL_TRANSFORMS, field: value}), path) == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", "a kitchen at night"),
        ("prompts", ["a kitchen", "a garage"]),
        ("control_type", "edge"),
        ("control_weight", 0.5),
        ("guidance", 7),
        ("num_steps", 35),
        ("seed", 1),
        ("model_variant", "2b"),
        ("disable_guardrails", True),
        ("camera_name", "observation.images.top"),
    ],
)
def test_cosmos_field_is_written_to_generative(field: str, value: Any) -> None:
    camel = "".join(part.title() if position else part for position, part in enumerate(field.split("_")))
    assert written(augmentation_type="generative", **{f"cosmos_{field}": value})["generative"] == {camel: value}


def test_ranges_of_unselected_transforms_are_accepted_and_not_written() -> None:
    spec = written(augment_transforms="noise", blur_motion_kernel_max=21, augment_brightness_min=-1)
    assert set(spec["augmentation"]) == {"transforms", "mode", "copies", "noise"}


def test_every_range_of_selected_transform_is_written_in_full() -> None:
    augmentation = written(augment_transforms=ALL_TRANSFORMS)["augmentation"]
    ranges = [
        value for name in ALL_TRANSFORMS.split(",") for value in augmentation[name].values() if isinstance(value, dict)
    ]
    assert len(ranges) == sum(parameter.is_range for name in TRANSFORMS for parameter in TRANSFORMS[name])
    assert all(set(value) == {"min", "max"} for value in ranges)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("lighting.brightness", "augment_brightness"),
        ("lighting.contrast", "augment_contrast"),
        ("lighting.color_temperature", "augment_color_temp"),
        ("noise.gaussian_sigma", "noise_gaussian_sigma"),
        ("noise.shot_scale", "noise_shot_scale"),
        ("blur.motion_kernel", "blur_motion_kernel"),
        ("blur.defocus_sigma", "blur_defocus_sigma"),
        ("occlusion.patches", "occlusion_num_patches"),
        ("occlusion.patch_width", "occlusion_patch_width"),
        ("occlusion.patch_height", "occlusion_patch_height"),
        ("gamma.exponent", "gamma"),
        ("jpeg.quality", "jpeg_quality"),
        ("shadow.strength", "shadow_strength"),
        ("shadow.softness", "shadow_softness"),
        ("hue_saturation.hue", "hue_shift"),
        ("hue_saturation.saturation", "saturation"),
    ],
)
def test_range_defaults_equal_crd_defaults(path: str, name: str) -> None:
    of_resource: Any = AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "a/b"}}}).augmentation
    for part in path.split("."):
        of_resource = getattr(of_resource, part)
    request = AugmentationRequest(**REQUIRED)
    assert (getattr(request, f"{name}_min"), getattr(request, f"{name}_max")) == (of_resource.min, of_resource.max)


def test_manifest_names_its_creator_and_project() -> None:
    body = manifest(to_job_spec(AugmentationRequest(**REQUIRED, name="Pick & Place")), KEY)
    assert body["apiVersion"] == "augmentation.dev/v1alpha1"
    assert body["kind"] == "AugmentationJob"
    metadata = body["metadata"]
    assert metadata["namespace"] == "robots"
    assert metadata["name"].startswith("pick-place-")
    assert metadata["labels"] == {"augmentation.dev/project-id": PROJECT_ID}
    assert metadata["annotations"] == {
        "augmentation.dev/api-key-id": "ci",
        "augmentation.dev/principal-type": "service",
        "augmentation.dev/principal-id": "ci",
        "augmentation.dev/organisation": "",
    }


def test_idempotency_key_determines_name_of_job() -> None:
    spec = to_job_spec(AugmentationRequest(**REQUIRED))
    first, repeated, other = (manifest(spec, KEY, key)["metadata"] for key in ("a", "a", "b"))
    assert first == repeated
    assert first["name"] != other["name"]
    assert (
        first["annotations"]["augmentation.dev/request-sha256"]
        == other["annotations"]["augmentation.dev/request-sha256"]
    )


@pytest.mark.parametrize(
    ("display_name", "beginning"),
    [
        (None, "aug-"),
        ("", "aug-"),
        ("拾取", "aug-"),
        ("---", "aug-"),
        ("Pick & Place, 2nd try", "pick-place-2nd-try-"),
        ("x" * 255, "x" * 54 + "-"),
    ],
)
def test_name_is_dns_label_derived_from_display_name(display_name: str | None, beginning: str) -> None:
    name = readable_name(display_name)
    assert name.startswith(beginning)
    assert len(name) == len(beginning) + 8
    assert len(name) <= 63
    assert readable_name(display_name) != name
