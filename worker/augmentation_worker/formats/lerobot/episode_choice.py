"""The episodes that `spec.augmentation.where` chooses, by what meta/episodes says of each. Only named columns are read.

`task` (or `tasks`) is the texts of an episode's tasks, of which one suffices. Statistics are not compared: they are
lists, and most of the file.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from augmentation_worker.bounded.parquet_file import explained_by_arrow, open_parquet, read_columns
from augmentation_worker.bounded.unreadable import explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.episode_lines import EPISODES_PATH, read_episode_fields
from augmentation_worker.formats.lerobot.info import DatasetInfo
from augmentation_worker.formats.where_choice import Chosen, FoundColumns, choose
from augmentation_worker.storage.port import SourceDataset

_TASKS, _TASK = "tasks", "task"
_STATISTICS = "stats/"


def choose_episodes(where: str, source: SourceDataset, info: DatasetInfo, files: Sequence[DatasetPath]) -> Chosen:
    """Evaluate the condition on the episodes in the order of their indices.

    Args:
        where: spec.augmentation.where.
        source: the dataset at its pinned revision.
        info: meta/info.json.
        files: those in which LeRobot reads the episodes, which were checked.

    Raises:
        WorkerFailure: SELECTION_EMPTY, SPEC_UNSUPPORTED: the condition does not fit the dataset. SOURCE_INVALID.
    """

    def read(names: Sequence[str]) -> FoundColumns:
        wanted = list(dict.fromkeys(_TASKS if name == _TASK else name for name in names))
        place = info.version.episodes_place
        if info.version.has_file_per_episode:
            known, table = read_episode_fields(source.open(EPISODES_PATH), wanted, source.name)
        else:
            known, table = _read_parquet(source, files, wanted)
        listed = [name for name in known if name != _TASKS and not name.startswith(_STATISTICS)]
        if _TASKS in known:
            listed = [_TASK, *(name for name in listed if name != _TASK), _TASKS]
            if _TASK in names:
                table = _with_task(table)
        return FoundColumns(place, listed, table)

    return choose(where, read)


def _with_task(table: pa.Table) -> pa.Table:
    others = [name for name in table.column_names if name != _TASK]
    return table.select(others).append_column(_TASK, table.column(_TASKS))


def _read_parquet(
    source: SourceDataset, files: Sequence[DatasetPath], wanted: Sequence[str]
) -> tuple[list[str], pa.Table]:
    """The names of all columns, and those that are wanted, of all files."""
    names: dict[str, None] = {}
    parts: list[pa.Table] = []
    for path in sorted(files):
        with explained(source.name, path), open_parquet(source.open(path)) as parquet:
            names |= dict.fromkeys(parquet.schema_arrow.names)
            part = read_columns(
                parquet,
                [name for name in wanted if not name.startswith(_STATISTICS)],
                most_rows=limits.MOST_EPISODES - sum(part.num_rows for part in parts),
                most_bytes=limits.MOST_EPISODES_TABLE_BYTES - sum(part.nbytes for part in parts),
            )
            parts.append(part)
    with explained(source.name, str(Path(files[0]).parent)), explained_by_arrow():
        # A column that is empty throughout a file may have another type there.
        return list(names), pa.concat_tables(parts, promote_options="permissive")
