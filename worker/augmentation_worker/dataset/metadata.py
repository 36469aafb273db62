"""A source dataset at its pinned commit: all its metadata, checked against the list of files it has."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from augmentation_worker.dataset.episode_lines import EPISODES_PATH, STATISTICS_PATH, read_episode_lines
from augmentation_worker.dataset.episodes import EPISODES_FOLDER, Episode, invalid, read_episodes
from augmentation_worker.dataset.file_number import FileNumber
from augmentation_worker.dataset.info import DatasetInfo
from augmentation_worker.dataset_path import DatasetPath

STATS_PATH = DatasetPath("meta/stats.json")


@dataclass(frozen=True)
class DatasetMetadata:
    """What is known of the source without a look at a single row or frame.

    Attributes:
        dataset: `owner/name`.
        revision: commit it is pinned to.
        info: meta/info.json.
        episodes: one entry an episode, in order.
        table: all episodes with the columns that v3.0 has in meta/episodes, statistics among them.
        episode_files: by path, the files that table came from, in order, and the number of rows of each.
        stats_json: meta/stats.json as it is; None if there is none.
    """

    dataset: str
    revision: str
    info: DatasetInfo
    episodes: tuple[Episode, ...]
    table: pa.Table
    episode_files: Mapping[DatasetPath, int]
    stats_json: bytes | None

    @cached_property
    def data_numbers(self) -> tuple[FileNumber, ...]:
        """Numbers of the data files, rising."""
        return tuple(sorted({episode.data_file for episode in self.episodes}))

    def video_numbers(self, camera: str) -> tuple[FileNumber, ...]:
        """Numbers of a camera's video files, rising."""
        return tuple(sorted({episode.videos[camera].file for episode in self.episodes}))

    @cached_property
    def data_paths(self) -> tuple[DatasetPath, ...]:
        """Paths of the data files."""
        return tuple(self.info.data_file(number) for number in self.data_numbers)

    @cached_property
    def video_paths(self) -> tuple[DatasetPath, ...]:
        """Paths of the video files of all cameras."""
        return tuple(
            self.info.video_file(camera.key, number)
            for camera in self.info.video_cameras
            for number in self.video_numbers(camera.key)
        )


def read_metadata(
    dataset: str,
    revision: str,
    info: DatasetInfo,
    episode_files: Sequence[tuple[DatasetPath, Path]],
    stats_json: bytes | None,
) -> DatasetMetadata:
    """Read and check the episodes.

    Args:
        dataset: `owner/name`.
        revision: commit.
        info: meta/info.json.
        episode_files: path in the dataset and local copy of every file that `episode_files_of` names.
        stats_json: content of meta/stats.json, if there is one.

    Raises:
        WorkerFailure: SOURCE_INVALID.
    """
    files = dict(sorted(episode_files))
    if not files:
        raise invalid(dataset, f"it has no {info.format.episodes_place}")
    if info.format.has_file_per_episode:
        table = _lines(files, info, dataset)
        rows = dict.fromkeys(files, table.num_rows)
    else:
        parts = _tables(files, dataset)
        # Columns may stand in another order from file to file, but never be others.
        table, rows = pa.concat_tables(parts.values()), {path: part.num_rows for path, part in parts.items()}
    return DatasetMetadata(dataset, revision, info, read_episodes(table, info, dataset), table, rows, stats_json)


def _tables(files: Mapping[DatasetPath, Path], dataset: str) -> dict[DatasetPath, pa.Table]:
    try:
        tables = {path: pq.read_table(local) for path, local in files.items()}
        columns = next(iter(tables.values())).column_names
        parts = {path: table.select(columns) for path, table in tables.items()}
        pa.concat_tables(parts.values())
    except (pa.ArrowInvalid, pa.ArrowTypeError, KeyError, OSError) as error:
        raise invalid(dataset, f"{EPISODES_FOLDER} cannot be read as one table: {error}") from error
    return parts


def _lines(files: Mapping[DatasetPath, Path], info: DatasetInfo, dataset: str) -> pa.Table:
    missing = [path for path in (EPISODES_PATH, STATISTICS_PATH) if path not in files]
    if missing:
        raise invalid(dataset, f"it does not have the file {missing[0]}")
    return read_episode_lines(files[EPISODES_PATH].read_bytes(), files[STATISTICS_PATH].read_bytes(), info, dataset)


def episode_files_of(paths: Collection[DatasetPath], info: DatasetInfo) -> list[DatasetPath]:
    """Those of a dataset's files that LeRobot reads as its episodes, in its order."""
    if info.format.has_file_per_episode:
        return sorted({EPISODES_PATH, STATISTICS_PATH} & set(paths))
    return sorted(path for path in paths if path.startswith(f"{EPISODES_FOLDER}/") and path.endswith(".parquet"))


def check_files(metadata: DatasetMetadata, paths: Collection[DatasetPath]) -> None:
    """Every file the metadata points at is there, and no data file besides.

    Raises:
        WorkerFailure: SOURCE_INVALID.
    """
    present = frozenset(paths)
    wanted = [*metadata.data_paths, *metadata.video_paths]
    if metadata.info.total_tasks:
        wanted.append(metadata.info.format.tasks_path)
    missing = [path for path in wanted if path not in present]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise invalid(metadata.dataset, f"its metadata names the file {missing[0]}{more}, which it does not have")
    stray = sorted(path for path in present if _is_data_file(path) and path not in set(metadata.data_paths))
    if stray:
        # LeRobot reads every parquet file below data/: the rows of this one would shift those that are added.
        raise invalid(metadata.dataset, f"no episode lies in its data file {stray[0]}")
    if list(metadata.data_paths) != sorted(metadata.data_paths):
        raise invalid(metadata.dataset, "its data files, sorted by path, are not in the order of their numbers")


def _is_data_file(path: str) -> bool:
    return path.startswith("data/") and path.endswith(".parquet")
