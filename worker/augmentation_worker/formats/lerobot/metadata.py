"""A source dataset at its pinned commit: all its metadata, checked against the list of files it has."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from augmentation_api import FailureReason
from augmentation_worker.bounded.documents import read_json_object
from augmentation_worker.bounded.parquet_file import open_parquet, read_columns
from augmentation_worker.bounded.unreadable import Unreadable, damaged, explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.corrections import (
    DataFiles,
    changed_files,
    data_files_of,
    with_begin_times,
    with_data_files,
    with_end_times,
    with_totals,
)
from augmentation_worker.formats.lerobot.episode_choice import choose_episodes
from augmentation_worker.formats.lerobot.episode_columns import check_column_types, columns_of, read_episodes
from augmentation_worker.formats.lerobot.episode_lines import (
    EPISODES_PATH,
    STATISTICS_PATH,
    fields_of_first_line,
    read_episode_lines,
)
from augmentation_worker.formats.lerobot.episodes import EPISODES_FOLDER, Episodes
from augmentation_worker.formats.lerobot.file_check import files_named
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.info import INFO_PATH, Camera, DatasetInfo, read_info
from augmentation_worker.formats.lerobot.source_images import example_images, why_no_photograph
from augmentation_worker.formats.lerobot.statistics import (
    KnownStatistics,
    column_name,
    is_statistic,
    statistics_columns,
)
from augmentation_worker.formats.tables import conformed
from augmentation_worker.formats.where_choice import Chosen
from augmentation_worker.media.images.header import ImageHeader
from augmentation_worker.storage.port import SourceDataset

STATS_PATH = DatasetPath("meta/stats.json")
_ARRAY = "an array of numbers (dtype uint8), not an image: record it with dtype image or video to have it augmented"
OpenFile = Callable[[DatasetPath], Path]
"""Gives a local file with the content of one of the source's, by its path in the dataset."""


@dataclass(frozen=True)
class DatasetMetadata:
    """What is known of the source without a look at a single row or frame.

    Attributes:
        dataset: `owner/name`.
        revision: commit it is pinned to.
        info: meta/info.json.
        episodes: all of them, by columns.
        table: all episodes with the columns that say where their rows and frames lie, as v3.0 has them in
            meta/episodes, and their tasks.
        statistics: what is known of theirs; episode_tables.py reads them all.
        episode_files: by path, the files that table came from, in order, and the number of rows of each.
        stats_json: meta/stats.json as it is; None if there is none.
        corrected_files: those of episode_files in which table has other values than they have.
        corrections: what was wrong and is right here, each a sentence for the user.
        episode_columns: names of what is said of each episode, but for statistics.
        example_images: by camera that stores images, the header of its first; one that cannot be read is not there.
        chosen: the episodes that the job chooses by spec.augmentation.where; None if it does not.
    """

    dataset: str
    revision: str
    info: DatasetInfo
    episodes: Episodes
    table: pa.Table
    episode_files: Mapping[DatasetPath, int]
    stats_json: bytes | None
    corrected_files: frozenset[DatasetPath] = frozenset()
    corrections: tuple[str, ...] = ()
    example_images: Mapping[str, ImageHeader] = field(default_factory=dict)
    episode_columns: tuple[str, ...] = ()
    chosen: Chosen | None = None
    statistics: KnownStatistics = field(default_factory=KnownStatistics)

    @cached_property
    def left_alone(self) -> Mapping[str, str]:
        """The cameras that are never augmented, and why, as a phrase after "it is"."""
        reasons = {camera.key: camera.why_left_alone for camera in self.info.cameras}
        reasons |= {key: reasons.get(key) or why_no_photograph(header) for key, header in self.example_images.items()}
        reasons |= dict.fromkeys(self.info.image_arrays, _ARRAY)
        return {key: reason for key, reason in reasons.items() if reason is not None}

    @cached_property
    def colour_cameras(self) -> tuple[Camera, ...]:
        """The cameras that can be augmented, in the order of info.json."""
        return tuple(camera for camera in self.info.cameras if camera.key not in self.left_alone)

    @cached_property
    def data_numbers(self) -> tuple[FileNumber, ...]:
        """Numbers of the data files, rising."""
        return self.episodes.data_files.numbers

    def video_numbers(self, camera: str) -> tuple[FileNumber, ...]:
        """Numbers of a camera's video files, rising."""
        return self.episodes.videos[camera].files.numbers

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
    episode_files: Sequence[DatasetPath],
    open_file: OpenFile,
    stats_json: bytes | None,
    *,
    data_files: DataFiles | None = None,
) -> DatasetMetadata:
    """Read, correct and check the episodes.

    Args:
        dataset, revision: name and commit.
        info: meta/info.json.
        episode_files: what `episode_files_of` names.
        open_file: opens one of them; a dataset may have more than can be held open.
        stats_json: content of meta/stats.json, if there is one.
        data_files: the data files that there are, of v3.0; by default those that the episodes name.

    Raises:
        WorkerFailure: SOURCE_INVALID.
    """
    if not episode_files:
        raise damaged(dataset, f"it has no {info.version.episodes_place}")
    check_statistics(stats_json, dataset)
    if info.version.has_file_per_episode:
        table = _lines(episode_files, open_file, info, dataset)
        rows = dict.fromkeys(sorted(episode_files), table.num_rows)
        names = statistics_columns(table)
    else:
        parts, schema = _tables(episode_files, open_file, info, dataset)
        table, rows = pa.concat_tables(parts.values()), {path: part.num_rows for path, part in parts.items()}
        names = statistics_columns(schema)
    statistics = KnownStatistics(names, table.select(_means(info, table.column_names)))
    table = table.select([name for name in table.column_names if not is_statistic(name)])
    check_column_types(table, info, dataset)
    corrections = []
    if data_files is not None:
        corrections.append(with_data_files(table, data_files, info, dataset))
        table = corrections[-1].table
    for camera in info.video_cameras:
        for correct in (with_begin_times, with_end_times):
            corrections.append(correct(table, camera.key, info.fps))
            table = corrections[-1].table
    episodes = read_episodes(table, info, dataset)
    info, counted = with_totals(info, len(episodes), int(episodes.to_indices[-1]))
    said = (counted, *(correction.said for correction in corrections))
    return DatasetMetadata(
        dataset,
        revision,
        info,
        episodes,
        table,
        rows,
        stats_json,
        changed_files(rows, np.concatenate([np.empty(0, np.int64), *(correction.rows for correction in corrections)])),
        tuple(sentence for sentence in said if sentence is not None),
        statistics=statistics,
    )


def check_statistics(stats_json: bytes | None, dataset: str) -> None:
    """meta/stats.json is a JSON object: by feature and statistic a value, and whatever else it holds is carried.

    Raises WorkerFailure: SOURCE_INVALID.
    """
    if stats_json is not None:
        with explained(dataset, STATS_PATH):
            read_json_object(stats_json, most_bytes=limits.MOST_STATS_BYTES, finite=False)


def _tables(
    files: Sequence[DatasetPath], open_file: OpenFile, info: DatasetInfo, dataset: str
) -> tuple[dict[DatasetPath, pa.Table], pa.Schema]:
    """Each file's rows, in the columns and types of the first file, as LeRobot reads them; and what columns that has.

    A file may have its columns in another order, and lack those that nobody needs, which are then empty: LeRobot itself
    adds such a file where a recording goes on, with no other columns than its own.
    """
    first: pa.Schema | None = None
    parts: dict[DatasetPath, pa.Table] = {}
    needed = columns_of([camera.key for camera in info.video_cameras])
    for path in sorted(files):
        with explained(dataset, path), open_parquet(open_file(path)) as parquet:
            schema = parquet.schema_arrow
            first = schema if first is None else first
            _check_columns(schema, first, needed)
            names = [name for name in (*needed, "tasks") if name in first.names] + _means(info, first.names)
            table = read_columns(
                parquet,
                names,
                most_rows=limits.MOST_EPISODES - sum(part.num_rows for part in parts.values()),
                most_bytes=limits.MOST_EPISODES_TABLE_BYTES - sum(part.nbytes for part in parts.values()),
            )
            parts[path] = conformed(table, pa.schema([first.field(name) for name in names], first.metadata))
    return parts, first or pa.schema([])


def _means(info: DatasetInfo, columns: Collection[str]) -> list[str]:
    """Those of the columns that hold the means of cameras."""
    means = (column_name(camera.key, "mean") for camera in info.cameras)
    return [name for name in means if name in columns]


def _episode_columns(files: Sequence[DatasetPath], open_file: OpenFile, info: DatasetInfo) -> tuple[str, ...]:
    """Of the first file, or line: files that were read have columns of the same names."""
    if info.version.has_file_per_episode:
        return fields_of_first_line(open_file(EPISODES_PATH))
    with open_parquet(open_file(min(files))) as parquet:
        return tuple(name for name in parquet.schema_arrow.names if not is_statistic(name))


def _check_columns(schema: pa.Schema, first: pa.Schema, needed: Sequence[str]) -> None:
    """Refuse an episodes file that is not read as one table with the first: LeRobot refuses added columns, too."""
    if len(set(schema.names)) != len(schema.names):
        raise Unreadable("has two columns of one name")
    added = [name for name in schema.names if name not in first.names]
    if added:
        raise Unreadable(f"has the column {added[0]}, which the first file of {EPISODES_FOLDER} lacks")
    missing = [name for name in first.names if name in needed and name not in schema.names]
    if missing:
        raise Unreadable(f"lacks the column {missing[0]}, which the first file of {EPISODES_FOLDER} has")


def _lines(files: Sequence[DatasetPath], open_file: OpenFile, info: DatasetInfo, dataset: str) -> pa.Table:
    missing = [path for path in (EPISODES_PATH, STATISTICS_PATH) if path not in files]
    if missing:
        raise damaged(dataset, f"it does not have the file {missing[0]}")
    episodes, statistics = open_file(EPISODES_PATH), open_file(STATISTICS_PATH)
    return read_episode_lines(episodes, statistics, info, dataset, whole=False)


def episode_files_of(paths: Collection[DatasetPath], info: DatasetInfo) -> list[DatasetPath]:
    """Those of a dataset's files that LeRobot reads as its episodes, in its order."""
    if info.version.has_file_per_episode:
        return sorted({EPISODES_PATH, STATISTICS_PATH} & set(paths))
    return sorted(path for path in paths if path.startswith(f"{EPISODES_FOLDER}/") and path.endswith(".parquet"))


def check_files(metadata: DatasetMetadata, paths: Collection[DatasetPath]) -> None:
    """Check that every file that the metadata names is there, and no other data file.

    Raises WorkerFailure(SOURCE_INVALID).
    """
    present = frozenset(paths)
    wanted = [*metadata.data_paths, *metadata.video_paths]
    if metadata.info.total_tasks:
        wanted.append(metadata.info.version.tasks_path)
    missing = [path for path in wanted if path not in present]
    if missing:
        raise damaged(metadata.dataset, f"its metadata names {files_named(missing)}, which it does not have")
    known = frozenset(metadata.data_paths)
    data_files = [path for path in present if path.startswith("data/") and path.endswith(".parquet")]
    stray = sorted(path for path in data_files if path not in known)
    if stray:
        # LeRobot reads every parquet file below data/: the rows of this one would shift those that are added.
        raise damaged(metadata.dataset, f"no episode lies in its data file {stray[0]}")
    if list(metadata.data_paths) != sorted(metadata.data_paths):
        raise damaged(metadata.dataset, "its data files, sorted by path, are not in the order of their numbers")


def load_metadata(source: SourceDataset, *, where: str | None = None) -> DatasetMetadata:
    """Read and check meta/info.json, the episodes (without the statistics of each) and meta/stats.json.

    `where` is spec.augmentation.where, which is evaluated here.

    Raises WorkerFailure: SOURCE_FORMAT_UNSUPPORTED if it is no LeRobot dataset of a supported version, SOURCE_INVALID
    if it does not fit together, SELECTION_EMPTY or SPEC_UNSUPPORTED if `where` does not fit it.
    """
    info_json = source.read(INFO_PATH, limits.MOST_INFO_BYTES)
    if info_json is None:
        raise WorkerFailure(
            FailureReason.SOURCE_FORMAT_UNSUPPORTED,
            f"the dataset {source.name} at revision {source.revision} has no {INFO_PATH}: it is not a LeRobot dataset",
        )
    info = read_info(info_json, source.name)
    episode_files = episode_files_of(source.paths, info)
    stats_json = source.read(STATS_PATH, limits.MOST_STATS_BYTES)
    metadata = read_metadata(
        source.name,
        source.revision,
        info,
        episode_files,
        source.open,
        stats_json,
        data_files=None if info.version.has_file_per_episode else data_files_of(source, info),
    )
    check_files(metadata, source.paths)
    metadata = replace(metadata, episode_columns=_episode_columns(episode_files, source.open, info))
    if where is not None:
        metadata = replace(metadata, chosen=choose_episodes(where, source, info, episode_files))
    cameras = [camera.key for camera in info.image_cameras if camera.is_colour]
    if cameras:
        metadata = replace(metadata, example_images=example_images(metadata.data_paths[0], source.open_partly, cameras))
    return metadata
