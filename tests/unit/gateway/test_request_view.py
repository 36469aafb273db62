"""From the spec of a job back to the request that asks for it."""

from typing import Any

import pytest

from augmentation_api.presets import PRESETS
from augmentation_api.spec import Augmentation, AugmentationJobSpec
from augmentation_api.transforms import TransformName
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.jobs.create import manifest
from augmentation_gateway.views.job_spec import request_of, to_job_spec
from augmentation_gateway.views.parameters import TRANSFORMS
from augmentation_gateway.views.request import AugmentationRequest
from tests.unit.gateway.job_objects import PROJECT_ID, job_object

REQUIRED: dict[str, Any] = {"project_id": PROJECT_ID, "dataset_id": "lerobot/pusht"}
KEY = ApiKey.model_validate(
    {"id": "k", "sha256": "0" * 64, "principal": {"id": "k"}, "namespace": "robots", "projects": ["*"]}
)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"augment_transforms": "noise,blur,occlusion,gamma,jpeg,shadow,hueSaturation", "noise_type": "shot"},
        {
            "augment_mode": "independent",
            "augment_transforms": "blur,noise",
            "augment_copies_per_transform": {"blur": 2},
        },
        {"augment_dataset_mode": "inplace", "augment_copies": 1},
        {"augmentation_type": "generative", "cosmos_prompts": ["a", "b"], "cosmos_seed": 0, "cosmos_guidance": 7.5},
        {"seed": 5, "revision": "v3.0", "output_dataset_id": "me/out", "private": True, "parallelism": 2},
        {"cameras": ["top"], "episodes": "0:3,7", "name": "Kitchen"},
        {"across_cameras": "independent", "choose": 1, "augment_transforms": "noise,blur"},
        {"preset": "lerobot-default", "choose": 3, "augment_brightness_min": -1.0, "augment_brightness_max": 1.0},
        {"preset": "pi05", "augment_transforms": "affine,lighting"},
        {"video_profile": "fast", "video_gop": 5, "video_preset": "ultrafast"},
        {"video_codec": "av1", "video_crf": 35, "video_preset": 0, "video_encoder": "software"},
        {
            "per_camera": [
                {"camera": "*wrist*", "transforms": ["noise"], "blur": {"motionKernel": {"min": 3, "max": 5}}}
            ]
        },
    ],
)
def test_request_survives_way_to_spec_and_back(fields: dict[str, Any]) -> None:
    request = AugmentationRequest(**REQUIRED, **fields)
    body = manifest(to_job_spec(request), KEY)
    restored = request_of(JobRecord.read(job_object(spec=body["spec"])))
    assert {name: restored[name] for name in {**REQUIRED, **fields}} == {**REQUIRED, **fields}
    assert to_job_spec(AugmentationRequest.model_validate(restored)) == to_job_spec(request)


@pytest.mark.parametrize("name", TransformName)
def test_every_parameter_of_every_transform_keeps_its_value_both_ways(name: TransformName) -> None:
    schema = AugmentationRequest.model_json_schema()["properties"]
    fields = [field for parameter in TRANSFORMS[name] for field in parameter.paths]
    assert fields
    values = {field: schema[field].get("enum", [None])[-1] or narrowed(field, schema[field]) for field in fields}
    assert all(value != schema[field]["default"] for field, value in values.items())
    request = AugmentationRequest.model_validate({**REQUIRED, "augment_transforms": name, **values})
    spec = manifest(to_job_spec(request), KEY)["spec"]
    assert set(spec["augmentation"][name]) == {parameter.path.split(".")[-1] for parameter in TRANSFORMS[name]}
    restored = request_of(JobRecord.read(job_object(spec=spec)))
    assert {field: restored[field] for field in fields} == values


def test_request_with_preset_writes_only_what_it_says_itself() -> None:
    request = AugmentationRequest.model_validate(
        {**REQUIRED, "preset": "pi05", "augment_brightness_min": -3, "augment_copies": 2}
    )
    spec = manifest(to_job_spec(request), KEY)["spec"]
    assert spec["augmentation"] == {
        "preset": "pi05",
        "mode": "stacked",
        "copies": 2,
        "lighting": {"brightness": {"min": -3}},
    }
    assert AugmentationJobSpec.model_validate(spec).augmentation.effective.lighting.contrast.bounds == (-40, 40)
    shown = request_of(JobRecord.read(job_object(spec=spec)))
    assert "augment_transforms" not in shown
    assert shown["preset"] == "pi05"


@pytest.mark.parametrize("name", PRESETS)
def test_form_is_told_what_a_preset_says(name: str) -> None:
    """Its values, given one by one, ask for the same as its name does."""
    told: Any = AugmentationRequest.model_json_schema()["x-presets"][name]
    fields = {**told["values"], "augment_transforms": ",".join(told["transforms"]), "choose": told["choose"]}
    one_by_one = to_job_spec(AugmentationRequest(**REQUIRED, **fields)).augmentation
    named = Augmentation.model_validate({"preset": name}).effective
    for transform in named.transforms:
        assert getattr(one_by_one, transform.name.lower()) == getattr(named, transform.name.lower())
    assert (one_by_one.transforms, one_by_one.choose) == (named.transforms, named.choose)


def narrowed(field: str, schema: dict[str, Any]) -> float:
    """A number that is not the default; of a range's end, one within the default range."""
    step = 1 if schema["type"] == "integer" else 0.01
    value: float = schema["default"] + (-step if field.endswith("_max") else step)
    return value


def test_no_two_parameters_share_field() -> None:
    fields = [field for parameters in TRANSFORMS.values() for parameter in parameters for field in parameter.paths]
    assert len(set(fields)) == len(fields)


def test_fields_of_spec_without_counterpart_are_left_out() -> None:
    spec = {
        "source": {"volume": {"claimName": "data", "path": "pusht"}},
        "className": "gpu",
        "brandNew": {"a": 1},
        "augmentation": {"transforms": ["lighting", "fog"], "fog": {"density": {"min": 1, "max": 2}}},
    }
    assert request_of(JobRecord.read(job_object(spec={**spec, "projectID": None}))) == {
        "augmentation_type": "deterministic",
        "augment_transforms": "lighting,fog",
        "augment_dataset_mode": "copy",
        # No range is filled in by the API server; a request says which there are.
        "augment_brightness_min": -15,
        "augment_brightness_max": 15,
        "augment_contrast_min": -10,
        "augment_contrast_max": 10,
        "augment_color_temp_min": 4000,
        "augment_color_temp_max": 6500,
    }
