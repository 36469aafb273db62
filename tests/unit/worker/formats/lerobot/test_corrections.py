"""What LeRobot never looks at is corrected by what is there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.corrections import (
    MOST_FOOTERS,
    DataFiles,
    changed_files,
    with_data_files,
    with_end_times,
    with_totals,
)
from augmentation_worker.formats.lerobot.format_version import FileNumber
from tests.unit.worker.formats.lerobot.samples import TOP, episode_rows, info_of

LENGTHS = [10, 20, 5, 7]
INFO = info_of()


def episodes(**changes: Sequence[object]) -> pa.Table:
    columns: dict[str, Any] = episode_rows(LENGTHS)
    return pa.table({**columns, **{name.replace("__", "/"): list(values) for name, values in changes.items()}})


def files(rows: Sequence[int], numbers: Sequence[FileNumber] | None = None) -> DataFiles:
    return DataFiles(numbers or [FileNumber(0, number) for number in range(len(rows))], lambda: rows)


@pytest.mark.parametrize("declared", [[0, 0, 0, 0], [0, 1, 2, 3], [1, 1, 0, 0], [7, 7, 7, 7]])
def test_rows_are_in_the_file_that_has_them(declared: list[int]) -> None:
    correction = with_data_files(episodes(data__file_index=declared), files([30, 12]), INFO, "lab/sample")
    assert correction.table.column("data/file_index").to_pylist() == [0, 0, 1, 1]
    assert set(correction.rows.tolist()) == {
        row for row, (said, real) in enumerate(zip(declared, [0, 0, 1, 1], strict=True)) if said != real
    }
    assert correction.said is not None
    assert correction.said.startswith("data/file_index is wrong for ")


def test_what_is_right_stays_the_same_table() -> None:
    table = episodes()
    correction = with_data_files(
        table, files([30, 0, 12], [FileNumber(0, 0), FileNumber(0, 5), FileNumber(0, 1)]), INFO, "a/b"
    )
    assert (correction.table, correction.rows.tolist(), correction.said) == (table, [], None)


def test_the_footers_of_many_files_are_read_only_if_the_list_of_files_does_not_fit() -> None:
    def never() -> Sequence[int]:
        raise AssertionError("footers were read")

    numbers = [FileNumber(0, number) for number in range(MOST_FOOTERS + 1)]
    columns: dict[str, Any] = episode_rows([3] * len(numbers), episodes_per_file=1)
    assert with_data_files(pa.table(columns), DataFiles(numbers, never), INFO, "a/b").said is None
    columns["data/file_index"][0] = 1
    assert with_data_files(pa.table(columns), files([3] * len(numbers)), INFO, "a/b").rows.tolist() == [0]


@pytest.mark.parametrize(
    ("declared", "rows", "words"),
    [
        ([0, 0, 5, 5], [30, 11], r"names the file data/chunk-000/file-005.parquet, which it does not have"),
        ([0, 0, 0, 0], [42, 5], r"file-001.parquet has 5 rows, its episodes have 0"),
        ([0, 0, 0, 0], [12, 30], "episode 1 lie in two"),
    ],
)
def test_files_of_which_neither_names_nor_rows_fit_are_refused(
    declared: list[int], rows: list[int], words: str
) -> None:
    with pytest.raises(WorkerFailure, match=words):
        with_data_files(episodes(data__file_index=declared), files(rows), INFO, "lab/sample")


def test_an_empty_cell_is_corrected_or_named() -> None:
    table = episodes(data__file_index=[0, None, 1, 1])
    correction = with_data_files(table, files([30, 12]), INFO, "lab/sample")
    assert correction.table.column("data/file_index").to_pylist() == [0, 0, 1, 1]
    with pytest.raises(WorkerFailure, match="empty cell in the columns data/chunk_index and data/file_index"):
        with_data_files(table, files([30, 11]), INFO, "lab/sample")


def test_a_column_that_is_too_narrow_for_what_is_right_is_named() -> None:
    table = episodes()
    place = table.schema.get_field_index("data/file_index")
    table = table.set_column(place, "data/file_index", pa.array([0, 0, 1, 1], pa.int8()))
    with pytest.raises(WorkerFailure, match="column data/file_index of type int8, which cannot hold 200"):
        with_data_files(table, files([30, 12], [FileNumber(0, 0), FileNumber(0, 200)]), INFO, "lab/sample")


@pytest.mark.parametrize("rows", [[30, 11], [12, 30]])
def test_where_the_names_fit_a_look_into_the_rows_says_more(rows: list[int]) -> None:
    assert with_data_files(episodes(), files(rows), INFO, "lab/sample").said is None


def test_to_timestamp_is_where_the_frames_end() -> None:
    table = episodes()
    ends = table.column(f"videos/{TOP}/to_timestamp").to_pylist()
    odd = [ends[0], ends[1] - 0.1, None, float("nan")]
    correction = with_end_times(episodes(**{f"videos__{TOP}__to_timestamp": odd}), TOP, 10)
    assert correction.table.column(f"videos/{TOP}/to_timestamp").to_pylist() == pytest.approx(ends)
    assert correction.rows.tolist() == [1, 2, 3]
    assert with_end_times(table, TOP, 10).said is None
    assert with_end_times(table.drop_columns([f"videos/{TOP}/to_timestamp"]), TOP, 10).said is None


def test_totals_are_those_of_the_episodes() -> None:
    info, said = with_totals(info_of(total_episodes=9, total_frames=1), 4, 42)
    assert (info.total_episodes, info.total_frames) == (4, 42)
    assert said == (
        "meta/info.json counts 9 episodes and 1 frame, meta/episodes lists 4 and 42: the result counts those"
    )
    assert with_totals(info, 4, 42) == (info, None)


def test_only_files_with_other_rows_are_written_again() -> None:
    paths = {
        DatasetPath(f"meta/episodes/chunk-000/file-00{number}.parquet"): rows for number, rows in enumerate((2, 3, 1))
    }
    first, _, last = paths
    assert changed_files(paths, np.array([1, 5])) == {first, last}
    assert changed_files(paths, np.array([], np.int64)) == frozenset()


@pytest.mark.parametrize(
    ("template", "path", "number"),
    [
        ("data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet", "data/chunk-001/file-012.parquet", (1, 12)),
        ("data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet", "data/chunk-001/file-12.parquet", None),
        ("data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet", "data/chunk-001/part-012.parquet", None),
        ("data/{chunk_index}/{chunk_index}.{file_index:05d}.parquet", "data/3/3.00004.parquet", (3, 4)),
        ("data/{chunk_index}/{chunk_index}.{file_index:05d}.parquet", "data/3/4.00004.parquet", None),
    ],
)
def test_a_path_has_the_number_that_gives_it(template: str, path: str, number: tuple[int, int] | None) -> None:
    assert info_of(data_path=template).data_file_number(DatasetPath(path)) == number
