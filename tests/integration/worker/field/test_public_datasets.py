"""Datasets with the metadata of public ones go through resolve, or are refused with the sentence that helps."""

from pathlib import Path
from typing import Any

import pytest

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.port import Resolution
from augmentation_worker.formats.registry import format_of
from augmentation_worker.storage.folder.source import FolderSource
from tests.fixtures.field.public_datasets import NAMES, Public

SPEC = AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "a/b"}}, "augmentation": {"copies": 2}})
REFUSED = {
    "groot_robot_sim_picknplace": (FailureReason.SOURCE_FORMAT_UNSUPPORTED, "convert_dataset_v20_to_v21"),
    "reachy2_apple_storage": (FailureReason.SOURCE_FORMAT_UNSUPPORTED, "convert_dataset_v20_to_v21"),
    "so100_nothing_recorded": (FailureReason.SOURCE_INVALID, "no meta/episodes"),
    "trace_painting": (FailureReason.SOURCE_INVALID, "no codebase_version"),
}
CAMERAS = {
    "groot_pick_and_put_in_drawer": ["observation.images.cam_exterior", "observation.images.cam_wrist"],
    "libero_jepa_wam": ["observation.images.image", "observation.images.image2"],
    "open_50": ["image"],
    "robocoin_new_test": ["observation.images.ego_view"],
    "so101_record_test": ["observation.images.front", "observation.images.top"],
    "so101_sim": ["observation.images.external", "observation.images.wrist"],
    "toast_pick_and_place": ["observation.images.wrist_rgb", "observation.images.left_rgb"],
    "unitree_g1_dex3": ["observation.images.camera"],
    "unitree_g1_inspire": ["observation.images.cam_high"],
}


def resolved(folder: Path, scratch: Path) -> Resolution:
    source = FolderSource(folder, str(folder))
    return format_of(source).resolve(source, SPEC, scratch, None)


def test_every_public_dataset_is_expected_to_pass_or_not() -> None:
    assert {*NAMES} == {*REFUSED, *CAMERAS}
    assert all(Public.named(name).document["source"].startswith("https://") for name in NAMES)


@pytest.mark.parametrize("name", sorted(CAMERAS))
def test_public_metadata_goes_through_resolve(tmp_path: Path, name: str) -> None:
    public = Public.named(name)
    source = resolved(public.build(tmp_path / name), tmp_path).source
    assert source.cameras == CAMERAS[name]
    assert (source.episodes, source.frames) == (len(public.lengths), sum(public.lengths))
    assert source.format == f"LeRobot {public.info['codebase_version']}"


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_public_metadata_that_is_not_read_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    with pytest.raises(WorkerFailure) as caught:
        resolved(Public.named(name).build(tmp_path / name), tmp_path)
    reason, words = REFUSED[name]
    assert caught.value.reason is reason
    assert words in caught.value.message


@pytest.mark.parametrize("name", ["groot_robot_sim_picknplace", "reachy2_apple_storage"])
def test_what_is_refused_for_its_version_passes_once_it_is_converted(tmp_path: Path, name: str) -> None:
    changes: dict[str, Any] = {"codebase_version": "v2.1"}
    folder = Public.named(name).build(tmp_path / name, **changes)
    assert resolved(folder, tmp_path).source.format == "LeRobot v2.1"


def test_what_is_odd_in_public_metadata_is_said(tmp_path: Path) -> None:
    warnings = resolved(Public.named("open_50").build(tmp_path / "d"), tmp_path).warnings
    assert any(warning.startswith("to_timestamp of image is not from_timestamp + length") for warning in warnings)
    assert any("image (h264, is mpeg4)" in warning for warning in warnings)
