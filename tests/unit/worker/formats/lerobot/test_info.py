import json
from typing import Any

import pytest

from augmentation_api import FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.info import read_info
from tests.unit.worker.formats.lerobot.samples import DEPTH, TOP, WRIST, info_document, info_of


def refusal(**changes: Any) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        info_of(**changes)
    return caught.value


def test_paths_follow_the_templates() -> None:
    info = info_of(video_path="videos/{video_key}/{chunk_index:02d}-{file_index}.mp4")
    assert info.data_file(FileNumber(1, 23)) == "data/chunk-001/file-023.parquet"
    assert info.video_file(TOP, FileNumber(1, 23)) == f"videos/{TOP}/01-23.mp4"


@pytest.mark.parametrize(
    "template",
    [
        "/etc/{chunk_index}/{file_index}",
        "data/../../{chunk_index}/{file_index}",
        "videos/{chunk_index}/{file_index}",
        "data/{chunk_index}",
        "data/{chunk_index}/{file_index}/{robot}",
        "data/{chunk_index.__class__}/{file_index}",
        "data/{chunk_index!r}/{file_index}",
        "data/{chunk_index:zz}/{file_index}",
        "data/{",
    ],
)
def test_a_template_that_leaves_the_dataset_or_is_none_is_refused(template: str) -> None:
    failure = refusal(data_path=template)
    assert failure.reason is FailureReason.SOURCE_INVALID
    assert "data_path" in failure.message


@pytest.mark.parametrize(
    ("version", "fix"),
    [
        ("v2.0", "lerobot.datasets.v21.convert_dataset_v20_to_v21"),
        ("v1.6", "lerobot.datasets.v2.convert_dataset_v1_to_v2"),
        ("v4.0", "use a revision in a supported version"),
    ],
)
def test_another_version_is_refused_with_the_way_to_convert_it(version: str, fix: str) -> None:
    failure = refusal(codebase_version=version)
    assert failure.reason is FailureReason.SOURCE_FORMAT_UNSUPPORTED
    assert all(word in failure.message for word in (version, "v3.0, v2.1", fix))


def test_lance_tables_are_refused_with_what_to_name_instead() -> None:
    failure = refusal(storage_format="lance")
    assert failure.reason is FailureReason.SOURCE_FORMAT_UNSUPPORTED
    assert "stored in Lance tables (meta/info.json: storage_format)" in failure.message
    assert "name the dataset of parquet files and videos" in failure.message
    assert info_of(storage_format="parquet").total_episodes


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"fps": 10}', b"\xff"])
def test_a_file_that_is_no_info_is_refused(content: bytes) -> None:
    with pytest.raises(WorkerFailure) as caught:
        read_info(content, "lab/sample")
    assert caught.value.reason is FailureReason.SOURCE_INVALID


@pytest.mark.parametrize(("field", "value"), [("fps", 0), ("total_frames", -1), ("chunks_size", 0), ("features", [])])
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    assert field in refusal(**{field: value}).message


@pytest.mark.parametrize("key", ["../up", "a/b", "..", "a\\b"])
def test_a_camera_key_that_is_no_file_name_is_refused(key: str) -> None:
    features = info_document()["features"]
    features[key] = features[TOP]
    assert "camera key" in refusal(features=features).message


def test_depth_and_one_channel_streams_are_cameras_that_are_not_augmented() -> None:
    features = info_document()["features"]
    features[WRIST]["shape"] = [48, 64, 1]
    assert [(camera.key, camera.is_colour) for camera in info_of(features=features).cameras] == [
        (TOP, True),
        (WRIST, False),
        (DEPTH, False),
    ]


@pytest.mark.parametrize("size", [0, -1, None, "200"])
def test_size_of_files_with_which_lerobot_opens_no_dataset_is_left_out_of_the_result(size: object) -> None:
    info = info_of(video_files_size_in_mb=size, data_files_size_in_mb=50)
    assert (info.video_file_bytes, info.data_file_bytes) == (200 * 2**20, 50 * 2**20)
    grown = json.loads(info.grown(9, 90, None, {}))
    assert "video_files_size_in_mb" not in grown
    assert grown["data_files_size_in_mb"] == 50


def test_the_result_keeps_every_field_it_does_not_know() -> None:
    info = info_of(robot_type="so100", tools=[{"name": "say"}])
    grown = json.loads(info.grown(9, 90, {"train": [range(9)]}, {TOP: {"video.codec": "h264"}}))
    assert (grown["robot_type"], grown["tools"]) == ("so100", [{"name": "say"}])
    assert (grown["total_episodes"], grown["total_frames"], grown["splits"]) == (9, 90, {"train": "0:9"})
    assert grown["features"][TOP]["info"]["video.codec"] == "h264"
    assert grown["features"][WRIST] == info_document()["features"][WRIST]
