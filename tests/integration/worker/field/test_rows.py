"""Rows of every form that LeRobot reads are copied as they are; what it does not read is named in resolve."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.resolve import resolve
from augmentation_worker.formats.tables import table_difference
from augmentation_worker.storage.folder.source import FolderSource
from tests.fixtures.field import rows as odd
from tests.fixtures.field.instructions import PICK, PLACE, two_tasks
from tests.integration.worker.datasets import INDEX_COLUMNS
from tests.integration.worker.lerobot_recorder import Kind, record
from tests.integration.worker.test_folders import run_of
from tests.lerobot_check import Expected, check_all_open_in_lerobot

TOP = "observation.images.top"
LENGTHS = (6, 5, 4, 5)
FRAMES = sum(LENGTHS)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset whose camera is images, in two data files."""
    return record(tmp_path_factory.mktemp("images") / "source", "v3.0", {TOP: Kind.PNG}, LENGTHS, files=2)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset whose camera is a video, in two data files."""
    return record(tmp_path_factory.mktemp("videos") / "source", "v3.0", {TOP: Kind.VIDEO}, LENGTHS, files=2)


def augmented(source: Path, tmp_path: Path, name: str, mode: str = "copy", **augmentation: object) -> Path:
    asked = {"copies": 1, "seed": 7, "transforms": ["gamma"], **augmentation}
    run = run_of(tmp_path / f"job-{name}", source, tmp_path / name, augmentation=asked, output={"mode": mode})
    run.run_all()
    return tmp_path / name


def warnings_of(source: Path, **spec_fields: object) -> tuple[str, ...]:
    spec = AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "lab/odd"}}, **spec_fields})
    return resolve(FolderSource(source, "lab/odd"), spec, None).warnings


def copies_difference(source: Path, result: Path) -> str | None:
    """How the rows of originals and copies differ from the source's, apart from numbers and images."""
    before, after = (
        every_row(folder).drop_columns([*INDEX_COLUMNS, "task_index", *images_of(folder)])
        for folder in (source, result)
    )
    differences = (table_difference(before, part) for part in (after.slice(0, FRAMES), after.slice(FRAMES)))
    return next(filter(None, differences), None)


def images_of(folder: Path) -> list[str]:
    return [TOP] if TOP in pq.read_schema(odd.data_files(folder)[0]).names else []


def every_row(folder: Path) -> pa.Table:
    """All rows, in the columns of the first file."""
    tables = [pq.read_table(path) for path in odd.data_files(folder)]
    return pa.concat_tables([table.select(tables[0].column_names) for table in tables])


def test_lerobot_reads_results_of_odd_rows_as_it_reads_their_sources(
    images: Path, videos: Path, tmp_path: Path
) -> None:
    forms = Path(shutil.copytree(images, tmp_path / "forms"))
    odd.gaps(forms)
    odd.columns_of_every_form(forms)
    odd.another_order_in_the_last_file(forms)
    odd.wall_clock(forms)
    numbers = Path(shutil.copytree(videos, tmp_path / "numbers"))
    odd.gaps(numbers, episode=2)
    odd.drift(numbers)
    odd.index_that_restarts(numbers)
    older = record(tmp_path / "older", "v2.1", {TOP: Kind.VIDEO}, LENGTHS)
    two_tasks(older)
    odd.no_frame_index(older)
    in_other_words = {"paraphrases": [{"task": PICK, "as": ["Grab the cube"]}]}
    expected = []
    for source in (forms, numbers, older):
        tasks = in_other_words if source is older else None
        result = augmented(source, tmp_path, f"{source.name}-result", tasks=tasks)
        assert copies_difference(source, result) is None
        assert every_row(result).column("episode_index").to_pylist() == [
            episode for episode, length in enumerate(LENGTHS * 2) for _ in range(length)
        ]
        assert every_row(result).column("index").to_pylist()[FRAMES:] == list(range(FRAMES, 2 * FRAMES))
        expected.append(Expected(str(result), f"lab/{result.name}", 2 * len(LENGTHS), 2 * FRAMES, odd_rows=True))
    episodes = pq.read_table(tmp_path / "numbers-result/meta/episodes/chunk-000/file-001.parquet")
    assert episodes.column("stats/index/min").to_pylist()[0] == [FRAMES]
    statistics = json.loads((tmp_path / "numbers-result/meta/stats.json").read_text())
    assert np.isnan(statistics["action"]["mean"][1])
    assert np.isfinite(statistics["index"]["mean"][0])
    said = check_all_open_in_lerobot(expected)
    assert said["lab/older-result"] == [PICK, PLACE, PICK, PLACE, "Grab the cube", PLACE, "Grab the cube", PLACE]
    in_place = augmented(forms, tmp_path, "in-place", mode="inPlace")
    assert table_difference(every_row(forms).drop_columns([TOP]), every_row(in_place).drop_columns([TOP])) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            odd.drift,
            ["from_timestamp of observation.images.top is up to 0.0012 s off a frame for 3 episodes", "of them 1"],
        ),
        (odd.index_that_restarts, ["column index of episode 1 runs from 0 to 4, not from 6 to 10", "action chunks"]),
        (odd.wall_clock, ["timestamps of episode 0 are not frame number / 10", "1760000000", "copied as they are"]),
        (odd.index_of_pandas, ["column __index_level_0__", "features of meta/info.json", "drop the column"]),
    ],
)
def test_what_is_odd_and_copied_is_a_warning_of_resolve(
    images: Path, videos: Path, tmp_path: Path, change: Callable[[Path], None], words: list[str]
) -> None:
    source = Path(shutil.copytree(videos if change is odd.drift else images, tmp_path / "source"))
    assert warnings_of(source) == ()
    change(source)
    warning = warnings_of(source)[0]
    assert all(word in warning for word in words), warning


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            partial(odd.drift, seconds=0.02),
            ["episode 2, camera observation.images.top", "from_timestamp 1.14", "is not on a frame"],
        ),
        (
            odd.jitter,
            ["file-000.parquet has the timestamp 0.203", "frame 2 of episode 0", "not 2 / 10", "or leave", "1:4"],
        ),
        (odd.without_footer, ["file-001.parquet has no footer"]),
        (odd.column_in_one_file_only, ["file-001.parquet has the column reward, which the first data file lacks"]),
    ],
)
def test_rows_that_lerobot_does_not_read_are_named_in_resolve(
    videos: Path, tmp_path: Path, change: Callable[[Path], None], words: list[str]
) -> None:
    source = Path(shutil.copytree(videos, tmp_path / "source"))
    change(source)
    with pytest.raises(WorkerFailure) as caught:
        warnings_of(source)
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    assert all(word in caught.value.message for word in words), caught.value.message


def test_rows_that_cannot_be_used_are_a_warning_where_their_episodes_are_left_out(videos: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(videos, tmp_path / "source"))
    odd.jitter(source)
    (warning,) = warnings_of(source, onBadEpisode="skip")
    assert warning.startswith("Episodes that cannot be used are left out, 0:4 among them: data/chunk-000/file-000")
