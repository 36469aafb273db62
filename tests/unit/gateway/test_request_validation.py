"""Validation of the native request, and its error messages."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from augmentation_api.transforms import TransformName
from augmentation_gateway.problem import FieldProblem, encode_detail, invalid
from augmentation_gateway.views.parameters import TRANSFORMS
from augmentation_gateway.views.request import AugmentationRequest
from augmentation_gateway.views.validation_message import explain
from tests.unit.gateway.job_objects import PROJECT_ID

REQUIRED = {"project_id": PROJECT_ID, "dataset_id": "lerobot/pusht"}

KNOWN = ", ".join(TransformName)


def problems(**fields: Any) -> list[FieldProblem]:
    """The problems that the client gets for a request."""
    body = {name: value for name, value in {**REQUIRED, **fields}.items() if value is not ...}
    try:
        AugmentationRequest.model_validate(body)
    except ValidationError as error:
        # FastAPI puts the place of the body before each location.
        errors = [{**error_item, "loc": ("body", *error_item["loc"])} for error_item in error.errors()]
        return explain(errors, {"body": tuple(AugmentationRequest.model_fields)})
    return []


def test_smallest_request_is_accepted() -> None:
    assert problems() == []


NAMES = "ultrafast, superfast, veryfast, faster, fast, medium, slow, slower, veryslow, placebo"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"project_id": ...}, "project_id is required: add it"),
        ({"dataset_id": ...}, "dataset_id is required: add it"),
        (
            {"video_codec": "av1", "video_preset": "slow"},
            "video_preset is slow, but videos become av1: use 0 to 13, or another codec",
        ),
        (
            {"video_profile": "fast", "video_preset": 12},
            f"video_preset is 12, but videos become h264: use {NAMES}, or another codec",
        ),
        ({"video_profile": "fast", "video_crf": 60}, "video_crf is 60, but videos become h264, which takes 0 to 51"),
        (
            {"video_preset": "p4"},
            f'video_preset is "p4": p4 is a preset of no encoder: use 0 to 13 (av1), {NAMES} (h264, hevc)',
        ),
        (
            {"project_id": "mine"},
            'project_id is "mine", but has to be a UUID, e.g. 2489e9ad-2ee2-8e00-8ec9-32d5f69181c0',
        ),
        (
            {"dataset_id": "pusht"},
            'dataset_id is "pusht", but has to be owner/name, e.g. lerobot/pusht, or the URL of a folder in an object '
            "store, e.g. s3://robots/pusht",
        ),
        (
            {"dataset_id": "s3://Robots/pusht"},
            "s3://Robots/pusht is no folder in an object store: bucket: has to be the name of an S3 bucket: 3 to 63 "
            "lowercase letters, digits, hyphens and single periods, the first and last a letter or digit, e.g. "
            "robot-data",
        ),
        (
            {"dataset_id": "s3://key:hidden@robots/pusht"},
            "s3://…@robots/pusht is no folder in an object store: bucket: has to be the name of an S3 bucket: 3 to 63 "
            "lowercase letters, digits, hyphens and single periods, the first and last a letter or digit, e.g. "
            "robot-data",
        ),
        (
            {"dataset_id": "https://lab.blob.core.windows.net/robots?sig=hidden"},
            'dataset_id is "https://lab.blob.core.windows.net/robots?…", but has to be owner/name, e.g. '
            "lerobot/pusht, or the URL of a folder in an object store, e.g. s3://robots/pusht",
        ),
        (
            {"dataset_id": "https://example.com/pusht"},
            "https://example.com/pusht is no folder in an object store: this is no URL of an object store: write "
            "s3://bucket/path, gs://bucket/path, abfss://container@account.dfs.core.windows.net/path or "
            "https://account.blob.core.windows.net/container/path",
        ),
        (
            {"dataset_id": "s3://robots/pusht", "revision": "main"},
            "revision is for datasets on a hub, but dataset_id is in an object store: leave revision out",
        ),
        (
            {"dataset_id": "gs://robots/pusht", "path": "a"},
            "path is for datasets on a hub, but dataset_id is in an object store: put the folder into the URL",
        ),
        (
            {"output_dataset_id": "s3://robots/pusht", "private": True},
            "private is for datasets on a hub, but output_dataset_id is in an object store: leave private out",
        ),
        (
            {"source_anonymous": True},
            "source_anonymous is for object stores, but dataset_id is on a hub: leave source_anonymous out",
        ),
        ({"augment_copies": 21}, "augment_copies is 21, but may be at most 20"),
        ({"augment_copies": 0}, "augment_copies is 0, but has to be at least 1"),
        ({"augment_copies": "many"}, 'augment_copies is "many", but has to be a whole number'),
        ({"augment_copies": 2.5}, "augment_copies is 2.5, but has to be a whole number"),
        ({"augment_copies": True}, "augment_copies is true, but this field is no boolean"),
        ({"augment_copies": None}, "augment_copies is null, but has to be a whole number"),
        ({"augment_copy": 2}, "augment_copy is not a field of this request: did you mean augment_copies?"),
        (
            {"zzz": 2},
            "zzz is not a field of this request: remove it, or see /openapi.json for the fields there are",
        ),
        ({"name": "x" * 256}, "name is longer than 255: shorten it"),
        (
            {"where": "success = true"},
            "where: expected ==, !=, <, <=, >, >=, in or contains; found =: write == to compare "
            "(at character 9: = true)",
        ),
        ({"where": "x" * 2001}, "where is longer than 2000: shorten it"),
        (
            {"augmentation_type": "magic"},
            'augmentation_type is "magic", but has to be deterministic or generative',
        ),
        ({"preset": "pi0"}, 'preset is "pi0", but has to be lerobot-default, pi05 or seeds-default'),
        (
            {"choose": 2},
            "choose is 2, but the transforms are only lighting: choose at most 1, or name more in augment_transforms",
        ),
        (
            {"choose": 1, "augment_mode": "independent"},
            "choose is 1, but with augment_mode independent each copy gets one transform: leave choose out, or use "
            "augment_mode stacked",
        ),
        (
            {"per_camera": [{"camera": "top", "transforms": ["noise", "noise"]}]},
            'per_camera.0.transforms is ["noise", "noise"]: noise is named more than once: name each transform once',
        ),
        (
            {"per_camera": [{"camera": "top", "lighting": {"contrast": {"min": 20}}}]},
            'per_camera.0.lighting.contrast is {"min": 20}: min 20 is greater than max 10 (the default): swap '
            "them or widen the range",
        ),
        (
            {"per_camera": [{"camera": "top", "transforms": ["noise"]}] * 2},
            "per_camera has several entries of top: put all of it into one",
        ),
        (
            {"per_camera": [{"camera": "top", "transforms": ["noise"]}], "augment_mode": "independent"},
            "per_camera gives top noise, but with augment_mode independent no copy gets what augment_transforms does "
            "not name: name it there, too, or use augment_mode stacked",
        ),
        (
            {"preset": "pi05", "augment_mode": "independent", "augment_dataset_mode": "inplace"},
            "augment_dataset_mode inplace keeps one version of each episode, but preset pi05 with augment_mode "
            "independent makes one of each of cropResize, affine, lighting, hueSaturation: name one transform in "
            "augment_transforms, or use augment_mode stacked",
        ),
        ({"augment_mode": "both"}, 'augment_mode is "both", but has to be stacked or independent'),
        ({"augment_dataset_mode": "inPlace"}, 'augment_dataset_mode is "inPlace", but has to be copy or inplace'),
        (
            {"augment_transforms": "lighting,fog"},
            "augment_transforms names 'fog', which is no transform: use " + KNOWN,
        ),
        (
            {"augment_transforms": " "},
            "augment_transforms is empty: name at least one of " + KNOWN,
        ),
        (
            {"augment_transforms": "lighting,"},
            "augment_transforms names '', which is no transform: use " + KNOWN,
        ),
        (
            {"augment_transforms": "blur,noise,blur"},
            "augment_transforms names blur more than once: name each transform once",
        ),
        ({"augment_brightness_min": -51}, "augment_brightness_min is -51, but has to be at least -50"),
        ({"augment_brightness_max": 51}, "augment_brightness_max is 51, but may be at most 50"),
        ({"augment_color_temp_min": 1999}, "augment_color_temp_min is 1999, but has to be at least 2000"),
        ({"augment_color_temp_max": 10001}, "augment_color_temp_max is 10001, but may be at most 10000"),
        (
            {"augment_brightness_min": 10, "augment_brightness_max": -10},
            "augment_brightness_min is 10, which is greater than augment_brightness_max, -10: "
            "swap them or widen the range",
        ),
        (
            {"augment_brightness_min": 20},
            "augment_brightness_min is 20, which is greater than augment_brightness_max, 15: "
            "swap them or widen the range",
        ),
        (
            {"augment_copies_per_transform": {"noise": 21}},
            "augment_copies_per_transform.noise is 21, but may be at most 20",
        ),
        (
            {"augment_copies_per_transform": {"fog": 2}},
            'augment_copies_per_transform.fog is "fog", but has to be '
            f"{', '.join([*TransformName][:-1])} or {[*TransformName][-1]}",
        ),
        (
            {"augment_dataset_mode": "inplace", "augment_mode": "independent", "augment_transforms": "noise,blur"},
            "augment_dataset_mode inplace keeps one version of each episode, but augment_mode independent makes one of "
            "each of noise, blur: name one transform, or use augment_mode stacked",
        ),
        (
            {"cosmos_prompt": "a kitchen"},
            "cosmos_prompt is only for augmentation_type generative: leave it out, or use generative",
        ),
        (
            {"cosmos_disable_guardrails": False},
            "cosmos_disable_guardrails is only for augmentation_type generative: leave it out, or use generative",
        ),
        (
            {"episodes": "all"},
            'episodes is "all", but has to be episode indices and half-open ranges, e.g. 0:100,150',
        ),
        (
            {"episodes": "5,9:9"},
            "episodes has the empty range 9:9: write first:last with first less than last",
        ),
        ({"augment_contrast_max": float("nan")}, "augment_contrast_max is NaN, but has to be a finite number"),
        ({"cameras": "top"}, 'cameras is "top", but has to be a list'),
        ({"seed": -1}, "seed is -1, but has to be at least 0"),
    ],
)
def test_error_names_field_its_value_and_fix(fields: dict[str, Any], message: str) -> None:
    assert [problem.msg for problem in problems(**fields)] == [message]


def test_a_condition_that_cannot_be_read_has_a_caret_below_the_place() -> None:
    encoded = json.loads(encode_detail(invalid(problems(where="success = true", seed=-1))))["detail"]
    assert {problem["loc"][1]: problem.get("place") for problem in encoded} == {
        "seed": None,
        "where": "  success = true\n          ^",
    }


def test_all_errors_are_reported_at_once_by_location() -> None:
    errors = problems(project_id=..., augment_copies=21, augment_copy=1, augment_contrast_min=40)
    assert {problem.loc for problem in errors} == {
        ("body", "project_id"),
        ("body", "augment_copies"),
        ("body", "augment_copy"),
        ("body", "augment_contrast_max"),
    }


def test_long_value_is_truncated_in_message() -> None:
    (problem,) = problems(dataset_id="x" * 10_000)
    assert len(problem.msg) < 200


@pytest.mark.parametrize(
    "name", [parameter.name for name in TRANSFORMS for parameter in TRANSFORMS[name] if parameter.is_range]
)
def test_every_range_is_checked(name: str) -> None:
    defaults = AugmentationRequest.model_validate(REQUIRED)
    low, high = getattr(defaults, f"{name}_min"), getattr(defaults, f"{name}_max")
    (problem,) = problems(**{f"{name}_min": high, f"{name}_max": low})
    assert problem.msg.startswith(f"{name}_min is {high:g}, which is greater than {name}_max, {low:g}")


@pytest.mark.parametrize(
    "fields",
    [
        {"augment_copies": 1},
        {"augment_copies": 20},
        {"augment_brightness_min": -50, "augment_brightness_max": 50},
        {"augment_contrast_min": 10},
        {"augment_color_temp_min": 6500, "augment_color_temp_max": 6500},
        {"name": None},
        {"name": "x" * 255},
        {"augment_dataset_mode": "inplace", "augment_mode": "independent"},
        {"augment_dataset_mode": "inplace", "augment_transforms": "noise,blur"},
        {"augment_transforms": "noise", "augment_brightness_min": 3},
        {"augmentation_type": "generative", "cosmos_prompt": "a kitchen"},
        {"cosmos_prompt": None},
        {"episodes": ""},
        {"episodes": None, "cameras": None, "seed": None},
    ],
)
def test_values_within_bounds_are_accepted(fields: dict[str, Any]) -> None:
    assert problems(**fields) == []


_CHARACTERS = "aZ0 ,:/-_é\\ud800\\0"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(_CHARACTERS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(_CHARACTERS, max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*AugmentationRequest.model_fields, "other"]), json_values, max_size=6))
def test_any_body_is_either_accepted_or_explained(body: dict[str, Any]) -> None:
    for problem in problems(**body):
        assert problem.msg
        assert problem.loc[0] == "body"
