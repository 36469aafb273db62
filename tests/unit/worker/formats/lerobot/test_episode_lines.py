"""v2.1's lines of JSON, read as the table that v3.0 has, and written for a result."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot import episode_lines
from augmentation_worker.formats.lerobot.episode_lines import (
    EPISODES_PATH,
    STATISTICS_PATH,
    AugmentedLines,
    LineFile,
    original_line,
    read_episode_lines,
)
from augmentation_worker.formats.lerobot.info import INFO_PATH, read_info
from augmentation_worker.formats.lerobot.metadata import check_files
from tests.unit.worker.formats.lerobot.samples import FIXTURE_V21, fixture_metadata

CAMERA = "observation.image"
INFO = read_info((FIXTURE_V21 / INFO_PATH).read_bytes(), "lab/pusht")
EPISODES = (FIXTURE_V21 / EPISODES_PATH).read_bytes()
STATISTICS = (FIXTURE_V21 / STATISTICS_PATH).read_bytes()


def lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def test_the_sample_reads_as_a_sound_dataset() -> None:
    metadata = fixture_metadata(FIXTURE_V21)
    assert [episode.length for episode in metadata.episodes] == [68, 58, 50, 62]
    assert metadata.data_paths[3] == "data/chunk-000/episode_000003.parquet"
    assert metadata.video_paths[3] == f"videos/chunk-000/{CAMERA}/episode_000003.mp4"
    check_files(metadata, {*metadata.data_paths, *metadata.video_paths, DatasetPath("meta/tasks.jsonl")})
    with pytest.raises(WorkerFailure, match=r"meta/tasks\.jsonl"):
        check_files(metadata, {*metadata.data_paths, *metadata.video_paths})


def test_statistics_are_columns_as_in_v30() -> None:
    table = read_episode_lines(EPISODES, STATISTICS, INFO, "lab/pusht")
    line = lines(STATISTICS)[2]["stats"]
    assert table.column(f"stats/{CAMERA}/mean")[2].as_py() == line[CAMERA]["mean"]
    assert table.column("stats/next.done/max")[2].as_py() == [1.0]
    assert table.column("stats/index/count")[2].as_py() == [50]


def test_lines_may_stand_in_any_order() -> None:
    shuffled = b"\n".join(reversed(EPISODES.splitlines())) + b"\n\n"
    assert read_episode_lines(shuffled, STATISTICS, INFO, "x").equals(
        read_episode_lines(EPISODES, STATISTICS, INFO, "x")
    )


NUMBERS = st.one_of(st.floats(), st.integers(-(2**62), 2**62), st.booleans())
SHAPES = st.sampled_from([(), (1,), (2,), (2, 1), (2, 1, 3)])
CELLS = SHAPES.flatmap(lambda shape: st.lists(of_shape(shape), min_size=1, max_size=3))
ODD_CELLS = st.lists(st.one_of(NUMBERS, st.none(), st.text(max_size=2), st.lists(NUMBERS, max_size=2)), min_size=1)


def of_shape(shape: tuple[int, ...]) -> st.SearchStrategy[object]:
    return st.lists(of_shape(shape[1:]), min_size=shape[0], max_size=shape[0]) if shape else NUMBERS


@given(st.one_of(CELLS, ODD_CELLS), st.sampled_from(["mean", "count"]))
@settings(max_examples=100)
def test_cells_of_one_shape_are_read_in_a_faster_way_that_says_the_same(cells: list[object], name: str) -> None:
    documents = [
        {"episode_index": index, "length": 1, "stats": {"x": {name: cell}}} for index, cell in enumerate(cells)
    ]
    content = b"\n".join(json.dumps(document).encode() for document in documents)

    def read() -> str:
        try:
            table = read_episode_lines(content, content, INFO, "x")
        except WorkerFailure as failure:
            return failure.message
        return f"{table.schema} {table.to_pylist()}"  # as text: NaN is not equal to itself

    fast = read()
    with mock.patch.object(episode_lines, "_regular", return_value=None):
        assert fast == read()


OWN = {"augmentation/source_episode_index": 1, "augmentation/copy": 0, "augmentation/is_augmented": True}


def row_of(index: int, source: int, statistics: bytes = STATISTICS) -> dict[str, Any]:
    """What a result's table says of a copy of an episode."""
    before = read_episode_lines(EPISODES, statistics, INFO, "x").to_pylist()[source]
    return {
        **before,
        **OWN,
        "episode_index": index,
        f"stats/{CAMERA}/mean": [[[0.25]], [[0.5]], [[0.75]]],
        "stats/index/min": [999.0],
    }


def test_the_line_of_an_original_stays_but_for_what_is_added() -> None:
    line = EPISODES.splitlines()[2]
    cells = {**OWN, "augmentation/is_augmented": False}
    made = original_line(line, cells)
    assert made.startswith(line[:-1])
    assert json.loads(made) == {**json.loads(line), **cells}
    assert original_line(made, cells) == made
    assert json.loads(original_line(made, OWN)) == {**json.loads(line), **OWN}


def test_the_lines_of_a_copy_are_its_sources_with_other_values() -> None:
    document, statistics = EPISODES.splitlines()[3], STATISTICS.splitlines()[3]
    made, made_statistics = AugmentedLines(document, statistics, [CAMERA, "index"]).made(row_of(5, 3))
    new, old = json.loads(made_statistics or b""), lines(STATISTICS)[3]
    assert new["episode_index"] == 5
    assert new["stats"][CAMERA]["mean"] == [[[0.25]], [[0.5]], [[0.75]]]
    assert json.dumps(new["stats"]["index"]["min"]) == "[999]"
    assert {**new["stats"], CAMERA: None, "index": None} == {**old["stats"], CAMERA: None, "index": None}
    assert json.loads(made) == {**lines(EPISODES)[3], **OWN, "episode_index": 5}


def test_fields_that_are_not_known_are_kept_in_an_augmented_episode() -> None:
    line = EPISODES.splitlines()[1].replace(b'"length": 58', b'"length": 58, "scene": "K\xc3\xbcche"')
    assert json.loads(AugmentedLines(line, None, []).made(row_of(4, 1))[0])["scene"] == "Küche"


def test_an_episode_without_statistics_stays_without() -> None:
    fewer = b"\n".join(STATISTICS.splitlines()[:3])
    table = read_episode_lines(EPISODES, fewer, INFO, "x")
    assert table.column(f"stats/{CAMERA}/mean")[3].as_py() is None
    assert AugmentedLines(EPISODES.splitlines()[3], None, [CAMERA]).made(row_of(4, 3, fewer))[1] is None


def test_lines_are_found_by_their_episodes(tmp_path: Path) -> None:
    """Whatever their order, and whatever else they hold under the same name."""
    texts = [b'{"episode_index": 2, "length": 1}', b" ", b'{"x": {"episode_index": 7}, "episode_index": 0}  ']
    (tmp_path / "lines").write_bytes(b"\r\n".join(texts))
    file = LineFile(tmp_path / "lines", "lines", "x")
    assert [file.text(episode) for episode in range(4)] == [texts[2].strip(), None, texts[0], None]


def test_columns_of_an_earlier_result_are_read() -> None:
    added = [original_line(line, {**OWN, "augmentation/copy": copy}) for copy, line in enumerate(EPISODES.splitlines())]
    table = read_episode_lines(b"\n".join(added), STATISTICS, INFO, "x")
    assert table.column("augmentation/copy").to_pylist() == [0, 1, 2, 3]
    assert table.column("augmentation/is_augmented").to_pylist() == [True] * 4


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text.replace(b'"length": 58', b'"length": "long"'), ["line 2", EPISODES_PATH, "length"]),
        (lambda text: text.replace(b', "length": 58', b""), ["line 2", EPISODES_PATH, "length"]),
        (lambda text: text + b"{", ["line 5", EPISODES_PATH]),
        (lambda text: b"\xff" + text, ["line 1", EPISODES_PATH, "not UTF-8 text"]),
        (lambda text: text.replace(b'"tasks": [', b'"tasks": [3, '), ["line 1", "tasks"]),
    ],
)
def test_a_line_that_cannot_be_read_is_named(damage: Callable[[bytes], bytes], words: list[str]) -> None:
    damaged = damage(EPISODES)
    assert damaged != EPISODES
    with pytest.raises(WorkerFailure) as caught:
        read_episode_lines(damaged, STATISTICS, INFO, "lab/pusht")
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    assert all(word in caught.value.message for word in ["lab/pusht", *words]), caught.value.message


def test_statistics_that_are_no_numbers_are_named() -> None:
    damaged = STATISTICS.replace(b'"min": [0.0]', b'"min": ["low"]', 1)
    with pytest.raises(WorkerFailure, match=r"episodes_stats\.jsonl: min of next\.reward"):
        read_episode_lines(EPISODES, damaged, INFO, "lab/pusht")
