"""Looking into a data file that was written with pictures: it is read back and compared with the source."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from augmentation_worker.formats.lerobot.data_table import SourceRows, augmented_rows
from augmentation_worker.formats.lerobot.info import DatasetInfo
from augmentation_worker.formats.lerobot.integrity import broken
from augmentation_worker.formats.lerobot.plan import PlannedCopy, PlannedEpisode


def check_written_rows(
    local: Path,
    path: str,
    episode: PlannedEpisode,
    copies: Sequence[PlannedCopy],
    source: SourceRows,
    info: DatasetInfo,
) -> list[pa.Table]:
    """All but the pictures are the source's rows, bit by bit, under the copies' numbers.

    Args:
        local: the file.
        path: its path in the dataset, for messages.
        episode: whose rows they are.
        copies: those that are in the file.
        source: the source's rows.
        info: meta/info.json of the source.

    Returns:
        The first and the last row, with their pictures.

    Raises:
        WorkerFailure: INTEGRITY_CHECK_FAILED with the first finding.
    """
    pictures = {camera.key for camera in info.picture_cameras}
    rows = source.of(episode.source)
    try:
        with pq.ParquetFile(local, pre_buffer=False) as file:
            if not file.schema_arrow.equals(source.schema(), check_metadata=True):
                raise broken(f"{path}: the columns are not those of the source")
            others = [name for name in file.schema_arrow.names if name not in pictures]
            found = file.read(columns=others)
            ends = [file.read_row_group(0), file.read_row_group(file.num_row_groups - 1)] if file.num_row_groups else []
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        raise broken(f"{path} cannot be read: {error}") from error
    expected = pa.concat_tables([augmented_rows(rows, copy) for copy in copies])
    if found.num_rows != expected.num_rows:
        raise broken(f"{path} has {found.num_rows} rows, not {expected.num_rows}")
    for name in others:
        if not found.column(name).equals(expected.column(name).cast(found.column(name).type)):
            raise broken(f"{path}: the column {name} is not the source's")
    first, last = ends
    return [first.slice(0, 1), last.slice(last.num_rows - 1, 1)]
