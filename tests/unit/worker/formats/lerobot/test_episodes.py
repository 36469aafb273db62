from collections.abc import Callable
from typing import Any

import pytest

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.metadata import check_files
from tests.unit.worker.formats.lerobot.samples import TOP, WRIST, episode_rows, fixture_metadata, metadata_of

Columns = dict[str, list[Any]]

TASKS = DatasetPath("meta/tasks.parquet")


def change(name: str, row: int, value: object) -> Callable[[Columns], None]:
    def apply(columns: Columns) -> None:
        columns[name][row] = value

    return apply


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (change("episode_index", 1, 7), "episode 7"),
        (change("length", 1, 9), "length 9"),
        (change("dataset_from_index", 1, 11), "rows go from"),
        (change("dataset_to_index", 3, 60), "rows go from"),
        (change(f"videos/{WRIST}/from_timestamp", 1, 1.05), WRIST),
        (change(f"videos/{TOP}/file_index", 0, None), "empty cell"),
        (change("data/file_index", 0, 9), "in order"),
        (lambda columns: columns.pop(f"videos/{TOP}/chunk_index"), f"videos/{TOP}/chunk_index"),
    ],
)
def test_what_does_not_fit_together_is_found_and_named(damage: Callable[[Columns], object], words: str) -> None:
    columns = episode_rows([10, 20, 5, 7])
    damage(columns)
    with pytest.raises(WorkerFailure) as caught:
        metadata_of(columns, total_frames=42, total_episodes=4)
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    assert words in caught.value.message


def test_no_episodes_are_refused() -> None:
    empty = {name: values[:0] for name, values in episode_rows([1]).items()}
    empty["length"] = []
    with pytest.raises(WorkerFailure) as caught:
        metadata_of(empty)
    assert caught.value.reason is FailureReason.SOURCE_INVALID


def test_timestamps_may_be_off_by_what_lerobot_tolerates() -> None:
    columns = episode_rows([10, 20])
    columns[f"videos/{TOP}/from_timestamp"][1] += 5e-5
    assert len(metadata_of(columns).episodes) == 2


def test_the_sample_is_sound_and_its_files_are_there() -> None:
    metadata = fixture_metadata()
    assert [episode.length for episode in metadata.episodes] == [68, 58, 50, 62, 47, 57]
    check_files(metadata, {*metadata.data_paths, *metadata.video_paths, TASKS})


def test_files_that_are_missing_or_belong_to_nothing_are_named() -> None:
    metadata = metadata_of(episode_rows([10, 20, 5]))
    files = {*metadata.data_paths, *metadata.video_paths, TASKS}
    with pytest.raises(WorkerFailure, match=r"file-001\.mp4"):
        check_files(metadata, files - {DatasetPath(f"videos/{TOP}/chunk-000/file-001.mp4")})
    with pytest.raises(WorkerFailure, match=r"tasks\.parquet"):
        check_files(metadata, files - {TASKS})
    with pytest.raises(WorkerFailure, match=r"file-009\.parquet"):
        check_files(metadata, files | {DatasetPath("data/chunk-000/file-009.parquet")})


def test_file_numbers_go_on_in_the_next_chunk() -> None:
    assert FileNumber(0, 998).following(1000) == (0, 999)
    assert FileNumber(0, 999).following(1000) == (1, 0)
