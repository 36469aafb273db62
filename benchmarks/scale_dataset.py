"""A LeRobot v3.0 dataset of any number of episodes whose metadata and rows are real, and whose videos are stand-ins.

Episodes have 20 to 100 frames of three cameras, and all the statistics that LeRobot 0.6 writes. All video files are one
file, by hard links: a small video of as many frames as are needed, with a hole at its end that makes it as large as
LeRobot lets one grow. So a folder lists terabytes that take megabytes, and the header of each can be read.
"""

import json
import os
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

FPS = 10
CAMERAS = tuple(f"observation.images.{name}" for name in ("exterior_1", "exterior_2", "wrist"))
VIDEO_FILE_BYTES = 200_000_000
"""LeRobot's DEFAULT_VIDEO_FILE_SIZE_IN_MB."""
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
_PER_VIDEO_FILE, _PER_DATA_FILE, _PER_EPISODES_FILE = 150, 10_000, 50_000
"""Episodes."""
_ROW_GROUP = 1000
"""Rows of meta/episodes, as the converter from v2.1 writes them, by the `datasets` library."""
_SHORTEST, _LONGEST = 20, 100
_JOINTS, _PIXELS = 7, 64
_QUANTILES = ("q01", "q10", "q50", "q90", "q99")
_INDEX_KINDS = {
    "timestamp": "float32",
    **dict.fromkeys(("frame_index", "episode_index", "index", "task_index"), "int64"),
}
_NUMBERS = {**dict.fromkeys(("observation.state", "action"), _JOINTS), **dict.fromkeys(_INDEX_KINDS, 1)}
"""By feature that is no camera, how many numbers it has."""
Whole = npt.NDArray[np.int64]


def make_dataset(folder: Path, episodes: int) -> None:
    """Write a dataset of LeRobot v3.0, the same each time."""
    lengths = np.random.default_rng(episodes).integers(_SHORTEST, _LONGEST + 1, episodes)
    (folder / "meta").mkdir(parents=True)
    info = {
        "codebase_version": "v3.0",
        "robot_type": "generated",
        "total_episodes": episodes,
        "total_frames": int(lengths.sum()),
        "total_tasks": 1,
        "chunks_size": 1000,
        "fps": FPS,
        "splits": {"train": f"0:{episodes}"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH,
        "features": _features(),
    }
    (folder / "meta/info.json").write_text(json.dumps(info, indent=4))
    (folder / "meta/stats.json").write_text(json.dumps(_statistics_of_one(int(lengths.sum()))))
    _write(folder / "meta/tasks.parquet", pa.table({"task_index": [0], "task": ["move"]}))
    for first in range(0, episodes, _PER_EPISODES_FILE):
        table = _episodes(lengths, first, min(first + _PER_EPISODES_FILE, episodes))
        path = f"meta/episodes/chunk-000/file-{first // _PER_EPISODES_FILE:03d}.parquet"
        _write(folder / path, table, row_group_size=_ROW_GROUP)
    for number, table in enumerate(_rows(lengths)):
        _write(folder / DATA_PATH.format(chunk_index=0, file_index=number), table)
    files = np.arange(episodes) // _PER_VIDEO_FILE
    paths = (
        VIDEO_PATH.format(video_key=camera, chunk_index=number // 1000, file_index=number % 1000)
        for camera in CAMERAS
        for number in range(int(files[-1]) + 1)
    )
    _link_videos(folder, paths, int(np.bincount(files, lengths).max()))


def _write(path: Path, table: pa.Table, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)


def _features() -> dict[str, object]:
    video = {
        "dtype": "video",
        "shape": [_PIXELS, _PIXELS, 3],
        "names": ["height", "width", "channels"],
        "info": {"video.codec": "h264", "video.pix_fmt": "yuv420p", "video.fps": FPS, "video.g": 2, "video.crf": 30},
    }
    numbers = {
        name: {"dtype": _INDEX_KINDS.get(name, "float32"), "shape": [width], "names": None}
        for name, width in _NUMBERS.items()
    }
    return {**dict.fromkeys(CAMERAS, video), **numbers}


def _statistics_of_one(frames: int) -> dict[str, dict[str, object]]:
    """Statistics of some frames as JSON."""
    names = ("min", "max", "mean", "std", *_QUANTILES)
    of_camera = {**{name: [[[0.25]], [[0.5]], [[0.125]]] for name in names}, "count": [frames]}
    of_numbers = {
        name: {**{name: [0.123456789] * width for name in names}, "count": [frames]} for name, width in _NUMBERS.items()
    }
    return {**dict.fromkeys(CAMERAS, of_camera), **of_numbers}


def _episodes(lengths: Whole, first: int, end: int) -> pa.Table:
    """Rows of meta/episodes of v3.0 for the episodes first to end (exclusive)."""
    ends, numbers = np.cumsum(lengths), np.arange(len(lengths))
    begins = ends - lengths
    files = numbers // _PER_VIDEO_FILE
    file_begins = begins[np.flatnonzero(np.diff(files, prepend=-1))]
    times = (begins - file_begins[files]) / FPS
    columns: dict[str, Whole | npt.NDArray[np.float64]] = {
        "episode_index": numbers,
        "length": lengths,
        "data/chunk_index": np.zeros_like(numbers),
        "data/file_index": numbers // _PER_DATA_FILE,
        "dataset_from_index": begins,
        "dataset_to_index": ends,
    }
    for camera in CAMERAS:
        columns[f"videos/{camera}/chunk_index"] = files // 1000
        columns[f"videos/{camera}/file_index"] = files % 1000
        columns[f"videos/{camera}/from_timestamp"] = times
        columns[f"videos/{camera}/to_timestamp"] = times + lengths / FPS
    table = pa.table({name: values[first:end] for name, values in columns.items()})
    rows, tasks = end - first, pa.array(["move"] * (end - first))
    table = table.append_column("tasks", pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32), tasks))
    random = np.random.default_rng(first)
    for name, width in {**dict.fromkeys(CAMERAS, 3), **_NUMBERS}.items():
        for statistic in ("min", "max", "mean", "std", *_QUANTILES):
            values = pa.array(random.random(rows * width))
            if name in CAMERAS:  # [[[red]], [[green]], [[blue]]]
                values = _lists(_lists(values, 1), 1)
            table = table.append_column(f"stats/{name}/{statistic}", _lists(values, width))
        table = table.append_column(f"stats/{name}/count", _lists(pa.array(lengths[first:end]), 1))
    here = pa.array(np.full(rows, first // _PER_EPISODES_FILE))
    table = table.append_column("meta/episodes/chunk_index", pa.array(np.zeros(rows, np.int64)))
    return table.append_column("meta/episodes/file_index", here)


def _lists(values: pa.Array, width: int) -> pa.Array:
    return pa.ListArray.from_arrays(np.arange(0, len(values) + 1, width, dtype=np.int32), values)


def _rows(lengths: Whole) -> Iterator[pa.Table]:
    """The rows of each data file."""
    begins = np.cumsum(lengths) - lengths
    for first in range(0, len(lengths), _PER_DATA_FILE):
        part = lengths[first : first + _PER_DATA_FILE]
        index = np.arange(begins[first], begins[first] + part.sum())
        episode = np.repeat(np.arange(first, first + len(part)), part)
        frame = index - begins[episode]
        joints = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(_JOINTS * len(index), np.float32)), _JOINTS)
        yield pa.table(
            {
                "observation.state": joints,
                "action": joints,
                "timestamp": (frame / FPS).astype(np.float32),
                "frame_index": frame,
                "episode_index": episode,
                "index": index,
                "task_index": np.zeros_like(index),
            }
        )


def _link_videos(folder: Path, paths: Iterable[str], frames: int) -> None:
    """Make the video, and all paths links to it."""
    first: Path | None = None
    for place in (folder / path for path in paths):
        place.parent.mkdir(parents=True, exist_ok=True)
        if first is None:
            first = place
            first.write_bytes(video(frames))
            os.truncate(first, VIDEO_FILE_BYTES)
        else:
            os.link(first, place)


def video(frames: int) -> bytes:
    """An MP4 file of so many grey frames."""
    content = BytesIO()
    with av.open(content, "w", "mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = _PIXELS, _PIXELS, "yuv420p"
        grey = av.VideoFrame.from_ndarray(np.full((_PIXELS, _PIXELS, 3), 128, np.uint8), format="rgb24")
        for number in range(frames):
            grey.pts = number
            container.mux(stream.encode(grey))
        container.mux(stream.encode())
    return content.getvalue()
