from collections.abc import Mapping
from io import BytesIO
from types import SimpleNamespace
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmentation_worker.bounded import parquet_file
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot import rows_inspection
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.rows_inspection import inspect_rows
from augmentation_worker.storage.port import SourceDataset
from tests.unit.worker.formats.lerobot.samples import episode_rows, metadata_of

LENGTHS = [3, 1, 4, 1, 5, 9, 2, 6] * 25


def source_of(
    metadata: DatasetMetadata, row_group_size: int, wrong_times: Mapping[int, float] | None = None
) -> SourceDataset:
    """The rows of a dataset whose episodes lie in one file; those at some places have another timestamp."""
    episodes = metadata.episodes
    index = np.arange(episodes.frames)
    episode = np.repeat(episodes.indices, episodes.lengths)
    frame = index - episodes.from_indices[episode]
    times = frame / metadata.info.fps
    for row, time in (wrong_times or {}).items():
        times[row] = time
    table = pa.table(
        {
            "action": pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2 * len(index), np.float32)), 2),
            "timestamp": times.astype(np.float32),
            "frame_index": frame,
            "episode_index": episode,
            "index": index,
            "task_index": np.zeros_like(index),
        }
    )
    pq.write_table(table, content := BytesIO(), row_group_size=row_group_size)
    return cast(SourceDataset, SimpleNamespace(open_partly=lambda path: BytesIO(content.getvalue())))


def in_one_file() -> DatasetMetadata:
    return metadata_of(episode_rows(LENGTHS, episodes_per_file=len(LENGTHS)))


@pytest.mark.parametrize("row_group_size", [10_000, 64, 7])
def test_row_groups_are_read_once_or_twice_however_many_episodes_lie_in_them(
    row_group_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = in_one_file()
    read: list[int] = []

    def count(file: pq.ParquetFile, columns: list[str], *, groups: range, **limits: int) -> pa.Table:
        read.extend(groups)
        return parquet_file.read_columns(file, columns, groups=groups, **limits)

    monkeypatch.setattr(rows_inspection, "read_columns", count)
    assert inspect_rows(metadata, metadata.episodes, source_of(metadata, row_group_size)) == ()
    groups = -(-metadata.info.total_frames // row_group_size)
    assert set(read) == set(range(groups))
    # One that the episode before ends in is read with the next, and again for those that lie in it alone.
    assert len(read) <= 3 * groups
    assert len(read) == 1 or row_group_size < 10_000


@pytest.mark.parametrize("row_group_size", [10_000, 64, 7])
@pytest.mark.parametrize("episode", [0, 77, len(LENGTHS) - 1])
def test_a_wrong_row_is_found_in_whatever_row_group_it_lies(row_group_size: int, episode: int) -> None:
    metadata = in_one_file()
    last = int(metadata.episodes.to_indices[episode]) - 1
    with pytest.raises(WorkerFailure, match=rf"timestamp 12\.5 in frame \d of episode {episode},"):
        inspect_rows(metadata, metadata.episodes, source_of(metadata, row_group_size, {last: 12.5}))
    sentences = inspect_rows(
        metadata, metadata.episodes, source_of(metadata, row_group_size, {last: 12.5}), leave_out=True
    )
    assert any(sentence.startswith(f"Episodes that cannot be used are left out, {episode} ") for sentence in sentences)


def test_rows_of_another_number_are_named_by_their_file() -> None:
    metadata = in_one_file()
    other = metadata_of(episode_rows(LENGTHS[:-1], episodes_per_file=len(LENGTHS)))
    with pytest.raises(WorkerFailure, match=r"file-000\.parquet has 769 rows, its episodes have 775"):
        inspect_rows(metadata, metadata.episodes, source_of(other, 100))
