"""What a preset and the entries of single cameras say, and what goes before them."""

import hashlib
import json
from typing import Any

import pytest
from pydantic import ValidationError

from augmentation_api.camera_transforms import CameraTransforms
from augmentation_api.presets import PRESETS, PresetName
from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_api.vocabulary import AcrossCameras

TOP, WRIST = "observation.images.top", "observation.images.wrist"


def asked(**fields: Any) -> Augmentation:
    """What a manifest with these fields asks for, after the preset."""
    return Augmentation.model_validate(fields).effective


def test_without_a_word_cameras_share_a_scene_and_get_light() -> None:
    assert asked().across_cameras is AcrossCameras.SHARED
    assert asked() == Augmentation(across_cameras=AcrossCameras.SHARED)


def test_a_preset_brings_transforms_ranges_and_lists_of_single_cameras() -> None:
    augmentation = asked(preset="pi05")
    assert augmentation.transforms == ["cropResize", "affine", "lighting", "hueSaturation"]
    assert augmentation.crop_resize.size.bounds == (0.95, 0.95)
    assert augmentation.affine.rotation.bounds == (-5, 5)
    assert augmentation.lighting.contrast.bounds == (-40, 40)
    assert augmentation.of_camera(TOP).transforms == augmentation.transforms
    assert augmentation.of_camera("left_wrist_0_rgb").transforms == ["lighting", "hueSaturation"]


def test_what_the_spec_says_goes_before_the_preset_range_by_range() -> None:
    augmentation = asked(preset="lerobot-default", lighting={"brightness": {"min": -5, "max": 5}}, copies=7)
    assert augmentation.lighting.brightness.bounds == (-5, 5)
    assert augmentation.lighting.contrast.bounds == (-20, 20)
    assert augmentation.copies == 7
    assert augmentation.choose == 2
    assert asked(preset="lerobot-default", choose=3).choose == 3
    assert asked(preset="lerobot-default", mode="independent").choose is None


def test_an_entry_with_the_pattern_of_a_preset_goes_before_it_and_can_be_read_back() -> None:
    augmentation = asked(preset="pi05", perCamera=[{"camera": "*wrist*", "gamma": {"exponent": {"max": 1.1}}}])
    assert augmentation.of_camera(WRIST).transforms == ["lighting", "hueSaturation"]
    assert augmentation.of_camera(WRIST).gamma.exponent.max == 1.1
    assert augmentation.of_camera(TOP).transforms == ["cropResize", "affine", "lighting", "hueSaturation"]
    record = Augmentation.model_validate_json(augmentation.model_dump_json(by_alias=True, exclude_none=True))
    assert [record.of_camera(camera) for camera in (TOP, WRIST)] == [
        augmentation.of_camera(camera) for camera in (TOP, WRIST)
    ]


def test_naming_transforms_replaces_all_lists_of_a_preset() -> None:
    augmentation = asked(preset="pi05", transforms=["affine", "lighting"])
    assert augmentation.of_camera(WRIST).transforms == ["affine", "lighting"]
    assert augmentation.affine.border == "black"
    assert asked(preset="lerobot-default", transforms=["lighting"]).choose is None


def test_what_a_preset_means_is_complete_without_its_name() -> None:
    """So a record of it stays true when the preset is no more."""
    for name in PresetName:
        augmentation = asked(preset=name, perCamera=[{"camera": WRIST, "lighting": {"contrast": {"max": 1}}}])
        assert augmentation.effective == augmentation
        record = augmentation.model_copy(update={"preset": None})
        assert Augmentation.model_validate(record.to_wire()).effective == record


def test_an_entry_changes_only_what_it_says_for_the_cameras_that_it_names() -> None:
    augmentation = asked(
        lighting={"brightness": {"min": -20, "max": 20}},
        noise={"kind": "shot"},
        perCamera=[
            {"camera": "*.wrist", "transforms": ["noise", "lighting"], "lighting": {"contrast": {"min": 0, "max": 2}}},
            {"camera": WRIST, "lighting": {"contrast": {"max": 3}}, "noise": {"shotScale": {"min": 0, "max": 0}}},
        ],
    )
    wrist = augmentation.of_camera(WRIST)
    assert wrist.transforms == ["noise", "lighting"]
    assert wrist.lighting.brightness.bounds == (-20, 20)
    assert wrist.lighting.contrast.bounds == (-10, 3)
    assert (wrist.noise.kind, wrist.noise.shot_scale.bounds) == ("shot", (0, 0))
    assert augmentation.of_camera(TOP) == augmentation


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("wrist", "wrist", True),
        ("wrist", "left_wrist", False),
        ("*wrist*", "observation.images.left_wrist_0", True),
        ("*wrist*", "observation.images.hand", False),
        ("a*b*c", "a.b.b.c", True),
        ("a*b*c", "a.c.b", False),
        ("ab*ba", "aba", False),
        ("*", "anything", True),
        ("a[b]*", "a[b].c", True),
        ("*a" * 90 + "*b", "a" * 200, False),
    ],
)
def test_a_star_stands_for_any_characters_and_nothing_else_does(pattern: str, key: str, matches: bool) -> None:
    assert CameraTransforms.model_validate({"camera": pattern, "transforms": ["noise"]}).matches(key) == matches


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"preset": "lerobot"}, "lerobot-default"),
        ({"choose": 2}, "choose is 2, but transforms names only lighting: choose at most 1"),
        ({"choose": 1, "mode": "independent"}, "with mode independent each copy gets one transform: leave choose out"),
        ({"perCamera": [{"camera": "top"}]}, "the entry of top changes nothing: give it transforms or ranges"),
        ({"perCamera": [{"camera": "a", "transforms": []}]}, "at least 1 item"),
        ({"perCamera": [{"camera": "a", "transforms": ["blur", "blur"]}]}, "blur is named more than once"),
        ({"perCamera": [{"camera": "a", "transforms": ["blur"]}] * 2}, "a has more than one entry"),
        (
            {"perCamera": [{"camera": "a", "lighting": {"contrast": {"min": 20}}}]},
            "min 20 is greater than max 10",
        ),
        ({"perCamera": [{"camera": "a", "affine": {"drift": 2}}]}, "less than or equal to 1"),
        (
            {"perCamera": [{"camera": "a", "transforms": ["blur"]}], "mode": "independent"},
            "blur of a is not in transforms, so with mode independent no copy gets it",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_with_the_way_out(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Augmentation.model_validate(fields)


ADDED_PARAMETERS = {TransformName.OCCLUSION: {"where": "anywhere"}}
"""Parameters that presets got after their digests were frozen, each with the value that changes nothing."""


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        (PresetName.LEROBOT_DEFAULT, "f07f9c8b863534ad"),
        (PresetName.PI05, "fed8cc101af02b8d"),
        (PresetName.SEEDS_DEFAULT, "7de4da8a3fb73bcb"),
    ],
)
def test_a_preset_never_changes(name: PresetName, digest: str) -> None:
    # Jobs expand it in every pod, and results name it: give new values a new name.
    preset = PRESETS[name]
    parameters = {transform: dict(model.as_given()) for transform, model in preset.parameters.items()}
    for transform, added in ADDED_PARAMETERS.items():
        for parameter, value in added.items() if transform in parameters else ():
            assert parameters[transform].pop(parameter) == value
    values = {
        "transforms": preset.transforms,
        "choose": preset.choose,
        "cameras": dict(preset.transforms_of_cameras),
        "parameters": parameters,
    }
    assert hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize("name", PresetName)
def test_a_preset_says_every_parameter_of_its_transforms(name: PresetName) -> None:
    """Else a default that changes would change it."""
    preset = PRESETS[name]
    assert set(preset.transforms) <= set(preset.parameters)
    for model in preset.parameters.values():
        assert model.model_fields_set == set(type(model).model_fields)


def test_the_first_releases_defaults_are_still_those_of_the_project() -> None:
    augmentation = asked(preset="seeds-default")
    assert augmentation.model_copy(update={"preset": None}) == asked()
