"""A data file of augmented episodes under other numbers: as it was made, but for its two index columns."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from augmentation_worker.formats.lerobot.info import DatasetInfo
from augmentation_worker.formats.lerobot.plan import PlannedCopy
from augmentation_worker.formats.lerobot.rows_files import column_options
from augmentation_worker.formats.tables import with_column


def write_renumbered_rows(made: Path, copies: Sequence[PlannedCopy], info: DatasetInfo, target: Path) -> None:
    """Write the file, row group by row group: memory holds one. The same input gives the same bytes.

    Args:
        made: the file under the numbers that were planned first: the copies back to back, all of one length.
        copies: the copies in it, under their numbers in the result.
        info: meta/info.json of the source.
        target: file to write.
    """
    with pq.ParquetFile(made, pre_buffer=False) as file:
        schema = file.schema_arrow
        length = file.metadata.num_rows // len(copies)
        episodes = np.array([copy.episode_index for copy in copies])
        begins = np.array([copy.from_index for copy in copies])
        first_row = 0
        with pq.ParquetWriter(target, schema, compression="snappy", **column_options(info, schema)) as writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, use_threads=False)
                rows = np.arange(first_row, first_row + len(table))
                table = with_column(table, "episode_index", episodes[rows // length])
                if "index" in schema.names:
                    table = with_column(table, "index", begins[rows // length] + rows % length)
                writer.write_table(table, row_group_size=len(table))
                first_row += len(table)
