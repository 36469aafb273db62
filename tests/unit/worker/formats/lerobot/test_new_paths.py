"""What resolve takes for a path that the result may write."""

import pytest

from augmentation_api import Augmentation
from augmentation_api.vocabulary import OutputMode
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.layout import NewNumbers
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.planner import make_plan
from augmentation_worker.formats.lerobot.resolve import NewPaths
from tests.unit.worker.formats.lerobot.samples import (
    FIXTURE_V21,
    TOP,
    episode_rows,
    fixture_metadata,
    job,
    metadata_of,
)


@pytest.mark.parametrize("last", [FileNumber(0, 3), FileNumber(0, 9), FileNumber(2, 25), FileNumber(4, 0)])
def test_a_new_number_has_one_place(last: FileNumber) -> None:
    numbers = NewNumbers(last, 10)
    assert [numbers.place_of(numbers[place]) for place in range(40)] == list(range(40))
    taken = [FileNumber(chunk, file) for chunk in range(last.chunk + 1) for file in range(last.file + 1)]
    assert {numbers.place_of(number) for number in taken if number <= last} == {None}


def is_new(metadata: DatasetMetadata, mode: OutputMode, *paths: str) -> list[bool]:
    new = NewPaths(make_plan(metadata, job(Augmentation(), mode), 1), metadata)
    return [DatasetPath(path) in new for path in paths]


def test_of_packed_files_those_after_the_last_are_new() -> None:
    metadata = metadata_of(episode_rows([5] * 4, episodes_per_file=2))
    videos = [f"videos/{TOP}/chunk-000/file-{number:03d}.mp4" for number in (1, 2, 9, 10)]
    # At most a file of each episode, and a spare one.
    assert is_new(metadata, OutputMode.COPY, *videos) == [False, True, True, False]
    others = ["videos/other/chunk-000/file-002.mp4", f"videos/{TOP}/chunk-000/file-2.mp4", "data/chunk-000/x.parquet"]
    assert is_new(metadata, OutputMode.COPY, *others, "meta/info.json") == [False] * 4


@pytest.mark.parametrize(
    ("mode", "video", "data"),
    [
        (OutputMode.COPY, [False, True, True, False], [True, True, True, False]),  # rows of the source are among them
        (OutputMode.IN_PLACE, [True, False, False, False], [False] * 4),
    ],
)
def test_of_files_per_episode_those_of_augmented_episodes_are_new(
    mode: OutputMode, video: list[bool], data: list[bool]
) -> None:
    metadata = fixture_metadata(FIXTURE_V21)
    end = make_plan(metadata, job(Augmentation()), 1).total_episodes
    numbers, camera = (3, 4, end - 1, end), metadata.info.video_cameras[0].key
    videos = [f"videos/chunk-000/{camera}/episode_{number:06d}.mp4" for number in numbers]
    assert is_new(metadata, mode, *videos) == video
    assert is_new(metadata, mode, *(f"data/chunk-000/episode_{number:06d}.parquet" for number in numbers)) == data
