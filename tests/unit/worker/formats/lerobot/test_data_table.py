from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmentation_api import Augmentation, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.data_table import SourceRows, augmented_rows, write_shard_rows
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.plan import PlannedCopy
from augmentation_worker.formats.lerobot.planner import make_plan
from augmentation_worker.formats.tables import table_difference, with_column
from tests.unit.worker.formats.lerobot.samples import FIXTURE, fixture_metadata, job

INDEX_COLUMNS = ["episode_index", "index"]


def source_rows() -> SourceRows:
    return SourceRows(fixture_metadata(), lambda path: FIXTURE / path)


def test_rows_of_an_episode_are_those_with_its_index() -> None:
    rows = source_rows().of(fixture_metadata().episodes[2])
    assert set(rows.column("episode_index").to_pylist()) == {2}
    assert rows.column("index").to_pylist() == list(range(126, 176))


def test_a_copy_differs_in_its_two_index_columns_only() -> None:
    rows = source_rows().of(fixture_metadata().episodes[1])
    made = augmented_rows(rows, PlannedCopy(0, 9, from_index=500, to_index=558, data_file=FileNumber(0, 1), videos={}))
    assert made.drop_columns(INDEX_COLUMNS).equals(rows.drop_columns(INDEX_COLUMNS))
    assert made.column("index").to_pylist() == list(range(500, 558))
    assert made.schema.equals(rows.schema, check_metadata=True)


def test_file_of_a_shard_has_the_sources_schema_and_one_row_group_per_episode(tmp_path: Path) -> None:
    metadata = fixture_metadata()
    shard = make_plan(metadata, job(Augmentation(copies=2)), 3).shards[1]
    assert write_shard_rows(shard.episodes, source_rows(), tmp_path / "rows.parquet") == shard.augmented_frames
    written = pq.ParquetFile(tmp_path / "rows.parquet")
    source = pq.ParquetFile(FIXTURE / metadata.data_paths[0])
    assert written.schema_arrow.equals(source.schema_arrow, check_metadata=True)
    assert b"huggingface" in written.schema_arrow.metadata
    lengths = [episode.source.length for episode in shard.episodes for _ in episode.copies]
    assert [written.metadata.row_group(group).num_rows for group in range(written.num_row_groups)] == lengths
    assert {written.metadata.row_group(0).column(column).compression for column in range(2)} == {"SNAPPY"}


def test_the_same_shard_gives_the_same_bytes(tmp_path: Path) -> None:
    shard = make_plan(fixture_metadata(), job(Augmentation()), 2).shards[0]
    for name in ("once", "again"):
        write_shard_rows(shard.episodes, source_rows(), tmp_path / name)
    assert (tmp_path / "once").read_bytes() == (tmp_path / "again").read_bytes()


@pytest.mark.parametrize("column", ["episode_index", "timestamp"])
def test_rows_that_lerobot_would_take_for_others_are_refused(tmp_path: Path, column: str) -> None:
    table = pq.read_table(FIXTURE / "data/chunk-000/file-000.parquet")
    values = np.array(table.column(column))
    values[3] += 1
    position = table.schema.get_field_index(column)
    damaged = table.set_column(position, table.schema.field(position), pa.array(values))
    pq.write_table(damaged, tmp_path / "file.parquet")
    rows = SourceRows(fixture_metadata(), lambda path: tmp_path / "file.parquet")
    with pytest.raises(WorkerFailure) as caught:
        rows.of(fixture_metadata().episodes[0])
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    assert all(part in caught.value.message for part in (column, "frame 3 of episode 0", "spec.augmentation.episodes"))


@pytest.mark.parametrize("column", ["index", "frame_index"])
def test_columns_that_lerobot_does_not_find_frames_by_are_copied_as_they_are(tmp_path: Path, column: str) -> None:
    table = pq.read_table(FIXTURE / "data/chunk-000/file-000.parquet")
    pq.write_table(with_column(table, column, np.zeros(len(table), np.int64)), tmp_path / "file.parquet")
    rows = SourceRows(fixture_metadata(), lambda path: tmp_path / "file.parquet")
    assert set(rows.of(fixture_metadata().episodes[0]).column(column).to_pylist()) == {0}


def test_a_file_with_too_few_rows_is_refused(tmp_path: Path) -> None:
    pq.write_table(pq.read_table(FIXTURE / "data/chunk-000/file-000.parquet").slice(0, 300), tmp_path / "file.parquet")
    with pytest.raises(WorkerFailure, match="300 rows"):
        SourceRows(fixture_metadata(), lambda path: tmp_path / "file.parquet").schema()


@pytest.mark.parametrize(("column", "value"), [("action", float("nan")), ("observation.state", float("inf"))])
def test_states_and_actions_that_are_no_numbers_are_copied_as_they_are(
    tmp_path: Path, column: str, value: float
) -> None:
    table = pq.read_table(FIXTURE / "data/chunk-000/file-000.parquet")
    values = table.column(column).to_pylist()
    values[70][1] = value  # of episode 1
    pq.write_table(with_column(table, column, values), tmp_path / "file.parquet")
    rows = SourceRows(fixture_metadata(), lambda path: tmp_path / "file.parquet")
    shard = make_plan(fixture_metadata(), job(Augmentation(episodes="1", copies=1)), 1).shards[0]
    write_shard_rows(shard.episodes, rows, tmp_path / "copies.parquet")
    written = pq.read_table(tmp_path / "copies.parquet", columns=[column])
    assert table_difference(rows.of(fixture_metadata().episodes[1]).select([column]), written) is None
    assert str(written.column(column)[70 - 68][1].as_py()) == str(value)


def test_columns_are_found_by_name_where_files_differ_in_their_order(tmp_path: Path) -> None:
    table = pq.read_table(FIXTURE / "data/chunk-000/file-000.parquet")
    shard = make_plan(fixture_metadata(), job(Augmentation(episodes="0:2")), 1).shards[0]
    copies = []
    for name, names in (("as it was", table.column_names), ("turned round", sorted(table.column_names, reverse=True))):
        pq.write_table(table.select(names), tmp_path / name)
        rows = SourceRows(fixture_metadata(), dict.fromkeys(fixture_metadata().data_paths, tmp_path / name).__getitem__)
        write_shard_rows(shard.episodes, rows, tmp_path / "copies.parquet")
        copies.append(pq.read_table(tmp_path / "copies.parquet"))
    assert copies[0].column_names != copies[1].column_names
    assert table_difference(*copies) is None
