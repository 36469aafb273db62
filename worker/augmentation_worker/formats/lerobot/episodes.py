"""The episodes: where the rows and frames of each lie, read from the table of them and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

import pyarrow as pa

from augmentation_worker.bounded.unreadable import damaged
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.info import DatasetInfo

EPISODES_FOLDER = "meta/episodes"
_WHOLE_COLUMNS = (
    "episode_index",
    "length",
    "dataset_from_index",
    "dataset_to_index",
    "data/chunk_index",
    "data/file_index",
)
_VIDEO_FIELDS = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")
_UNUSED = "/to_timestamp"
"""End of the columns that may hold anything, as LeRobot never looks at them."""
_LATEST_SECONDS = 1e9
"""Thirty years into a video file."""
TIMESTAMP_TOLERANCE_SECONDS = 1e-4
"""LeRobot's own: a frame further off its time is not found."""


@dataclass(frozen=True)
class VideoSpan:
    """Where an episode's frames of one camera lie.

    Attributes:
        file: the video file.
        from_timestamp: seconds from the file's beginning. (LeRobot never looks at to_timestamp.)
    """

    file: FileNumber
    from_timestamp: float


@dataclass(frozen=True)
class Episode:
    """One episode of the source.

    Attributes:
        index: episode_index.
        length: frames.
        from_index, to_index: its rows in the whole dataset, half open.
        data_file: file its rows lie in.
        videos: by camera key.
    """

    index: int
    length: int
    from_index: int
    to_index: int
    data_file: FileNumber
    videos: Mapping[str, VideoSpan]


def episodes_path(number: FileNumber) -> DatasetPath:
    """Path of an episodes file; not a template of info.json, but fixed by LeRobot."""
    return DatasetPath(f"{EPISODES_FOLDER}/chunk-{number.chunk:03d}/file-{number.file:03d}.parquet")


def read_episodes(table: pa.Table, info: DatasetInfo, dataset: str) -> tuple[Episode, ...]:
    """Episodes in order, from a table with the columns that v3.0 has in meta/episodes.

    Raises WorkerFailure(SOURCE_INVALID), naming the first thing that does not fit together.
    """
    cameras = [camera.key for camera in info.video_cameras]
    columns = _columns(table, cameras, info, dataset)
    episodes = tuple(_episode(columns, row, cameras) for row in range(table.num_rows))
    _check_numbering(episodes, info, dataset)
    for episode in episodes:
        _check_videos(episode, info, dataset)
    _check_file_order([episode.data_file for episode in episodes], dataset)
    return episodes


def columns_of(cameras: Sequence[str]) -> list[str]:
    """The columns that say where the rows and frames of each episode lie."""
    return [*_WHOLE_COLUMNS, *(f"videos/{camera}/{field}" for camera in cameras for field in _VIDEO_FIELDS)]


def check_column_types(table: pa.Table, info: DatasetInfo, dataset: str) -> None:
    """Check that those of the columns that there are hold numbers, as far as LeRobot looks at them.

    Raises WorkerFailure(SOURCE_INVALID), naming the column.
    """
    for name in _used_columns([camera.key for camera in info.video_cameras]):
        if name in table.column_names:
            kind = table.schema.field(name).type
            if not (pa.types.is_integer(kind) or (name.endswith("_timestamp") and pa.types.is_floating(kind))):
                raise damaged(
                    dataset, f"{info.version.episodes_place} has the column {name} of type {kind}, not of numbers"
                )


def _used_columns(cameras: Sequence[str]) -> list[str]:
    return [name for name in columns_of(cameras) if not name.endswith(_UNUSED)]


def _columns(table: pa.Table, cameras: Sequence[str], info: DatasetInfo, dataset: str) -> Mapping[str, list[object]]:
    check_column_types(table, info, dataset)
    place = info.version.episodes_place
    names = _used_columns(cameras)
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise damaged(dataset, f"{place} lacks the column {missing[0]}")
    empty = [name for name in names if table.column(name).null_count]
    if empty:
        raise damaged(dataset, f"{place} has an empty cell in the column {empty[0]}")
    return {name: table.column(name).to_pylist() for name in names}


def _episode(columns: Mapping[str, list[object]], row: int, cameras: Sequence[str]) -> Episode:
    def whole(name: str) -> int:
        return int(columns[name][row])  # type: ignore[call-overload, no-any-return]

    def seconds(name: str) -> float:
        return float(columns[name][row])  # type: ignore[arg-type]

    videos = {
        camera: VideoSpan(
            FileNumber(whole(f"videos/{camera}/chunk_index"), whole(f"videos/{camera}/file_index")),
            seconds(f"videos/{camera}/from_timestamp"),
        )
        for camera in cameras
    }
    return Episode(
        index=whole("episode_index"),
        length=whole("length"),
        from_index=whole("dataset_from_index"),
        to_index=whole("dataset_to_index"),
        data_file=FileNumber(whole("data/chunk_index"), whole("data/file_index")),
        videos=videos,
    )


def _check_numbering(episodes: Sequence[Episode], info: DatasetInfo, dataset: str) -> None:
    place = info.version.episodes_place
    if not episodes:
        raise damaged(dataset, "it has no episodes")
    next_row = 0
    for position, episode in enumerate(episodes):
        if episode.index != position:
            raise damaged(dataset, f"row {position} of {place} is episode {episode.index}: numbers must be 0, 1, 2, …")
        if episode.length < 1 or episode.to_index - episode.from_index != episode.length:
            raise damaged(
                dataset,
                f"episode {episode.index} has length {episode.length}, but its rows go from {episode.from_index} to "
                f"{episode.to_index}",
            )
        if episode.from_index != next_row:
            raise damaged(
                dataset,
                f"episode {episode.index} starts at row {episode.from_index}, the one before ends at {next_row}",
            )
        _check_file_number(episode.data_file, f"episode {episode.index}", dataset)
        next_row = episode.to_index
    if next_row > limits.LARGEST_TOTAL:
        raise damaged(dataset, f"its episodes have {next_row} frames, more than {limits.LARGEST_TOTAL}")


def _check_videos(episode: Episode, info: DatasetInfo, dataset: str) -> None:
    for camera, span in episode.videos.items():
        where = f"episode {episode.index}, camera {camera}"
        if not (isfinite(span.from_timestamp) and span.from_timestamp < _LATEST_SECONDS):
            raise damaged(dataset, f"{where}: from_timestamp {span.from_timestamp} s is no time")
        _check_file_number(span.file, where, dataset)
        frame = span.from_timestamp * info.fps
        if span.from_timestamp < 0 or abs(frame - round(frame)) > TIMESTAMP_TOLERANCE_SECONDS * info.fps:
            raise damaged(
                dataset, f"{where}: from_timestamp {span.from_timestamp} s is not on a frame at {info.fps:g} a second"
            )


def _check_file_number(number: FileNumber, where: str, dataset: str) -> None:
    if min(number) < 0 or max(number) > limits.LARGEST_FILE_NUMBER:
        raise damaged(
            dataset, f"{where}: chunk {number.chunk}, file {number.file} are not from 0 to {limits.LARGEST_FILE_NUMBER}"
        )


def _check_file_order(files: Sequence[FileNumber], dataset: str) -> None:
    for before, after in pairwise(files):
        if after < before:
            raise damaged(
                dataset,
                f"the rows of data file {after} come after those of {before}: LeRobot reads data files in order, so "
                "the index column would not be 0, 1, 2, …",
            )
