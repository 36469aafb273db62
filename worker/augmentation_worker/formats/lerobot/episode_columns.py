"""The columns that say where the rows and frames of each episode lie, read from the table of episodes and checked."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from augmentation_worker.bounded.unreadable import damaged
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.episodes import (
    TIMESTAMP_TOLERANCE_SECONDS,
    EpisodeFiles,
    Episodes,
    VideoSpans,
)
from augmentation_worker.formats.lerobot.info import DatasetInfo

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
Whole = npt.NDArray[np.int64]
Wrong = npt.NDArray[np.bool_]
Check = tuple[Wrong, Callable[[int], str]]
"""The rows that something is wrong with, and what, as a clause about one of them."""


def read_episodes(table: pa.Table, info: DatasetInfo, dataset: str) -> Episodes:
    """Episodes in order, from a table with the columns that v3.0 has in meta/episodes.

    Raises WorkerFailure(SOURCE_INVALID), naming the first thing that does not fit together.
    """
    cameras = [camera.key for camera in info.video_cameras]
    _check_columns(table, cameras, info, dataset)
    data_files = _files(table, "data")
    indices, lengths, begins, ends = (whole_numbers(table.column(name)) for name in _WHOLE_COLUMNS[:4])
    videos = {camera: _spans(table, camera, data_files) for camera in cameras}
    episodes = Episodes(indices, lengths, begins, ends, data_files, videos)
    _check_numbering(episodes, info, dataset)
    _check_videos(episodes, info, dataset)
    _check_file_order(episodes.data_files, dataset)
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


def whole_numbers(column: pa.ChunkedArray) -> Whole:
    """A column of whole numbers, int64 (N,).

    Where a cell is empty or larger than any total may be, it is an array of Python's numbers and None: what is computed
    with them does not overflow, and is shown in messages as it is.
    """
    if not column.null_count and len(column):
        values = np.concatenate([part.to_numpy(zero_copy_only=False) for part in column.chunks])
        if values.max() <= limits.LARGEST_TOTAL and values.min() >= -limits.LARGEST_TOTAL:
            return values.astype(np.int64, copy=False)
    return np.array(column.to_pylist(), dtype=object if len(column) else np.int64)


def _used_columns(cameras: Sequence[str]) -> list[str]:
    return [name for name in columns_of(cameras) if not name.endswith(_UNUSED)]


def _check_columns(table: pa.Table, cameras: Sequence[str], info: DatasetInfo, dataset: str) -> None:
    check_column_types(table, info, dataset)
    place = info.version.episodes_place
    names = _used_columns(cameras)
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise damaged(dataset, f"{place} lacks the column {missing[0]}")
    empty = [name for name in names if table.column(name).null_count]
    if empty:
        raise damaged(dataset, f"{place} has an empty cell in the column {empty[0]}")


def _files(table: pa.Table, place: str) -> EpisodeFiles:
    return EpisodeFiles(*(whole_numbers(table.column(f"{place}/{part}_index")) for part in ("chunk", "file")))


def _spans(table: pa.Table, camera: str, data_files: EpisodeFiles) -> VideoSpans:
    files = _files(table, f"videos/{camera}")
    if np.array_equal(files.chunks, data_files.chunks) and np.array_equal(files.files, data_files.files):
        files = data_files  # as in v2.1: what is derived from them is held once
    times = table.column(f"videos/{camera}/from_timestamp")
    return VideoSpans(files, times.to_numpy().astype(np.float64, copy=False))


def _check_numbering(episodes: Episodes, info: DatasetInfo, dataset: str) -> None:
    place = info.version.episodes_place
    if not episodes:
        raise damaged(dataset, "it has no episodes")
    index, length, begin, end = episodes.indices, episodes.lengths, episodes.from_indices, episodes.to_indices
    before = np.concatenate([np.zeros(1, np.int64), end[:-1]])
    checks: list[Check] = [
        (
            index != np.arange(len(index)),
            lambda row: f"row {row} of {place} is episode {index[row]}: numbers must be 0, 1, 2, …",
        ),
        (
            (length < 1) | (end - begin != length),
            lambda row: f"episode {row} has length {length[row]}, but its rows go from {begin[row]} to {end[row]}",
        ),
        (
            begin != before,
            lambda row: f"episode {row} starts at row {begin[row]}, the one before ends at {before[row]}",
        ),
        _check_of_numbers(episodes.data_files, "episode {}".format),
    ]
    _raise_first(checks, dataset)
    if end[-1] > limits.LARGEST_TOTAL:
        raise damaged(dataset, f"its episodes have {end[-1]} frames, more than {limits.LARGEST_TOTAL}")


def _check_videos(episodes: Episodes, info: DatasetInfo, dataset: str) -> None:
    checks: list[Check] = []
    for camera, spans in episodes.videos.items():
        checks += _checks_of_videos(camera, spans, info)
    _raise_first(checks, dataset)


def _checks_of_videos(camera: str, spans: VideoSpans, info: DatasetInfo) -> list[Check]:
    def where(row: int) -> str:
        return f"episode {row}, camera {camera}"

    def time(row: int) -> str:
        return f"{where(row)}: from_timestamp {float(times[row])} s"

    times = spans.from_timestamps
    no_time = ~(np.isfinite(times) & (times < _LATEST_SECONDS))
    frames = np.where(no_time, 0, times) * info.fps
    off_a_frame = (times < 0) | (np.abs(frames - np.round(frames)) > TIMESTAMP_TOLERANCE_SECONDS * info.fps)
    return [
        (no_time, lambda row: f"{time(row)} is no time"),
        _check_of_numbers(spans.files, where),
        (off_a_frame, lambda row: f"{time(row)} is not on a frame at {info.fps:g} a second"),
    ]


def _check_of_numbers(files: EpisodeFiles, where: Callable[[int], str]) -> Check:
    chunks, numbers, most = files.chunks, files.files, limits.LARGEST_FILE_NUMBER
    return (
        (chunks < 0) | (numbers < 0) | (chunks > most) | (numbers > most),
        lambda row: f"{where(row)}: chunk {chunks[row]}, file {numbers[row]} are not from 0 to {most}",
    )


def _raise_first(checks: Sequence[Check], dataset: str) -> None:
    """Raise the first thing that is wrong with the first row with which something is."""
    firsts = [int(np.argmax(wrong)) if wrong.any() else len(wrong) for wrong, _ in checks]
    row = min(firsts, default=0)
    said = next((say for first, (wrong, say) in zip(firsts, checks, strict=True) if first == row < len(wrong)), None)
    if said is not None:
        raise damaged(dataset, said(row))


def _check_file_order(files: EpisodeFiles, dataset: str) -> None:
    falls = np.flatnonzero(np.diff(files.keys) < 0)
    if len(falls):
        before, after = files[int(falls[0])], files[int(falls[0]) + 1]
        raise damaged(
            dataset,
            f"the rows of data file {after} come after those of {before}: LeRobot reads data files in order, so "
            "the index column would not be 0, 1, 2, …",
        )
