"""A data file of augmented episodes under other numbers: as it was made, but for its two index columns."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from augmentation_worker.formats.lerobot.info import DatasetInfo
from augmentation_worker.formats.lerobot.plan import PlannedCopy
from augmentation_worker.formats.lerobot.rows_files import column_options
from augmentation_worker.formats.tables import with_column


def write_renumbered_rows(
    made: Path, parts: Sequence[tuple[int, PlannedCopy | None]], info: DatasetInfo, target: Path
) -> None:
    """Write the file, row group by row group: memory holds one. The same input gives the same bytes.

    Args:
        made: the file under the numbers that were planned first: whole row groups of one copy after the other.
        parts: of each copy in it, its number of rows, and the copy under its numbers in the result; None: its rows are
            left out.
        info: meta/info.json of the source.
        target: file to write.
    """
    ends = np.cumsum([rows for rows, _ in parts])
    with pq.ParquetFile(made, pre_buffer=False) as file:
        schema = file.schema_arrow
        first_row = 0
        with pq.ParquetWriter(target, schema, compression="snappy", **column_options(info, schema)) as writer:
            for group in range(file.num_row_groups):
                part = int(np.searchsorted(ends, first_row, side="right"))
                rows, copy = parts[part]
                begin, first_row = first_row, first_row + file.metadata.row_group(group).num_rows
                if first_row > ends[part]:
                    raise ValueError(f"{made}: row group {group} has rows of two copies")
                if copy is None:
                    continue
                table = file.read_row_group(group, use_threads=False)
                frame = begin - (int(ends[part]) - rows)
                table = with_column(table, "episode_index", np.full(len(table), copy.episode_index))
                if "index" in schema.names:
                    first = copy.from_index + frame
                    table = with_column(table, "index", np.arange(first, first + len(table)))
                writer.write_table(table, row_group_size=len(table))
