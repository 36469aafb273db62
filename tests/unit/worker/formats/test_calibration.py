"""Whose a calibration is, by its name."""

import pytest

from augmentation_api import Augmentation
from augmentation_worker.formats.calibration import cameras_of, is_calibration, names_in, stale_calibrations

TOP, LEFT_WRIST, RIGHT_WRIST = (
    "observation.images.top",
    "observation.images.left_wrist",
    "observation.images.right_wrist",
)
CAMERAS = (TOP, LEFT_WRIST, RIGHT_WRIST)


@pytest.mark.parametrize(
    ("name", "cameras"),
    [
        ("observation.camera_intrinsics.top", [TOP]),
        ("observation.images.left_wrist.info.camera.distortion", [LEFT_WRIST]),
        ("intrinsics/right_wrist", [RIGHT_WRIST]),
        ("observation.intrinsics", [*CAMERAS]),
        ("wrist_projection", [*CAMERAS]),
    ],
)
def test_a_calibration_is_of_the_cameras_that_its_name_says(name: str, cameras: list[str]) -> None:
    assert is_calibration(name)
    assert cameras_of(name, CAMERAS) == cameras


def test_the_most_exact_camera_counts() -> None:
    assert cameras_of("wrist_intrinsics", ["observation.image", "observation.wrist_image"]) == [
        "observation.wrist_image"
    ]
    assert cameras_of("image.fx", ["observation.image", "observation.wrist_image"]) == [
        "observation.image",
        "observation.wrist_image",
    ]


@pytest.mark.parametrize("name", ["observation.state", "action", "video.fps", "proxy", "depth_min", "focus"])
def test_other_names_are_none(name: str) -> None:
    assert not is_calibration(name)


def test_only_calibrations_of_cameras_that_move_are_wrong() -> None:
    names = ["observation.intrinsics.top", "observation.intrinsics.left_wrist", "observation.depth_intrinsics.top"]
    exempt = {"transforms": ["affine"], "perCamera": [{"camera": "*wrist*", "transforms": ["blur"]}]}
    streams = [*CAMERAS, "observation.depth.top"]
    assert stale_calibrations(Augmentation.model_validate(exempt), CAMERAS, streams, names) == [names[0]]
    followed = Augmentation.model_validate({**exempt, "alsoApplyTo": {TOP: ["observation.depth.top"]}})
    assert stale_calibrations(followed, CAMERAS, streams, names) == [names[0], names[2]]


def test_names_in_documents_are_bounded() -> None:
    deep: dict[str, object] = {}
    inner = deep
    for _ in range(50):
        inner["a"] = inner = {}
    assert [*names_in({"camera": {"fx": 1}, "b": deep})] == ["camera.fx", "b.a.a.a"]
