"""Generated datasets for the benchmarks: `python benchmarks/generated_datasets.py lerobot|images FOLDER FRAMES`.

`episodes FOLDER EPISODES` makes a LeRobot dataset of short episodes (10 to 20 frames of 64x48) in one file per camera.
"""

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import av
import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HEIGHT, WIDTH, FPS = 480, 640, 30
CAMERAS = ("observation.images.front", "observation.images.wrist")


def make_lerobot(folder: Path, frames: int) -> None:
    """One episode; both cameras show the same."""
    make_episodes(folder, [frames])


def make_short_episodes(folder: Path, episodes: int) -> None:
    """Many short episodes, one after the other in the same files; both cameras show the same."""
    make_episodes(folder, [10 + number % 11 for number in range(episodes)], 48, 64)


def make_episodes(
    folder: Path,
    lengths: Sequence[int],
    height: int = HEIGHT,
    width: int = WIDTH,
    cameras: Sequence[str] = CAMERAS,
    video: Path | None = None,
) -> None:
    """A LeRobot v3.0 dataset of episodes of so many frames, in one file for each camera; all cameras show the same.

    `video` is a file as `encode_video` makes it, with as many frames as there are, where that is made once for several
    datasets; it has to be on the same file system.
    """
    frames, ends = sum(lengths), np.cumsum(lengths)
    starts = ends - lengths
    first = folder / "videos" / cameras[0] / "chunk-000" / "file-000.mp4"
    first.parent.mkdir(parents=True)
    if video is None:
        encode_video(first, frames, height, width)
    else:
        first.hardlink_to(video)
    for other in cameras[1:]:
        copy = folder / "videos" / other / "chunk-000" / "file-000.mp4"
        copy.parent.mkdir(parents=True)
        copy.symlink_to(first)
    numbers = np.arange(frames)
    of_episode = np.repeat(np.arange(len(lengths)), lengths)
    in_episode = numbers - starts[of_episode]
    state = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(6 * frames, np.float32)), 6)
    rows = pa.table(
        {
            "observation.state": state,
            "action": state,
            "timestamp": (in_episode / FPS).astype(np.float32),
            "frame_index": in_episode,
            "index": numbers,
            "episode_index": of_episode,
            "task_index": np.zeros(frames, np.int64),
        }
    )
    (folder / "data/chunk-000").mkdir(parents=True)
    pq.write_table(rows, folder / "data/chunk-000/file-000.parquet")
    zeros = np.zeros(len(lengths), np.int64)
    places = {
        f"videos/{camera}/{name}": value
        for camera in cameras
        for name, value in {
            "chunk_index": zeros,
            "file_index": zeros,
            "from_timestamp": starts / FPS,
            "to_timestamp": ends / FPS,
        }.items()
    }
    episode = {
        "episode_index": np.arange(len(lengths)),
        "tasks": [["move"]] * len(lengths),
        "length": np.array(lengths),
        **dict.fromkeys(("data/chunk_index", "data/file_index"), zeros),
        "dataset_from_index": starts,
        "dataset_to_index": ends,
        **places,
        **dict.fromkeys(("meta/episodes/chunk_index", "meta/episodes/file_index"), zeros),
    }
    (folder / "meta/episodes/chunk-000").mkdir(parents=True)
    pq.write_table(pa.table(episode), folder / "meta/episodes/chunk-000/file-000.parquet")
    pq.write_table(pa.table({"task_index": [0], "task": ["move"]}), folder / "meta/tasks.parquet")
    thirds = [[[0.5]], [[0.5]], [[0.5]]]
    statistics = dict.fromkeys(("min", "max", "mean", "std"), thirds) | {"count": [frames]}
    (folder / "meta/stats.json").write_text(json.dumps(dict.fromkeys(cameras, statistics)))
    video_info = {"video.codec": "av1", "video.pix_fmt": "yuv420p", "video.fps": FPS, "video.g": 2, "video.crf": 30}
    feature: dict[str, object] = {
        "dtype": "video",
        "shape": [height, width, 3],
        "names": ["height", "width", "channels"],
        "info": video_info,
    }
    numbers_of: dict[str, str] = {"timestamp": "float32"} | dict.fromkeys(
        ("frame_index", "episode_index", "index", "task_index"), "int64"
    )
    features: dict[str, dict[str, object]] = dict.fromkeys(cameras, feature)
    features |= {name: {"dtype": "float32", "shape": [6], "names": None} for name in ("observation.state", "action")}
    features |= {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in numbers_of.items()}
    info = {
        "codebase_version": "v3.0",
        "robot_type": "generated",
        "total_episodes": len(lengths),
        "total_frames": frames,
        "total_tasks": 1,
        "chunks_size": 1000,
        "fps": FPS,
        "splits": {"train": f"0:{len(lengths)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": features,
    }
    (folder / "meta/info.json").write_text(json.dumps(info))


def encode_video(path: Path, frames: int, height: int, width: int) -> None:
    """A video as LeRobot encodes them: AV1, g=2, crf 30. A noisy gradient moves."""
    os.environ.setdefault("SVT_LOG", "1")  # else it prints its settings
    # SVT-AV1 gives the thread that opens it real-time priority if it may, and processes started from there inherit it.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_encode, path, frames, height, width).result()


def _encode(path: Path, frames: int, height: int, width: int) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("libsvtav1", rate=FPS, options={"preset": "12", "crf": "30", "g": "2"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_picture(number, height, width), format="rgb24")))
        container.mux(stream.encode())


def _picture(number: int, height: int = HEIGHT, width: int = WIDTH) -> npt.NDArray[np.uint8]:

    rows, columns = np.mgrid[0:height, 0:width]
    planes = [60 + columns // 5, 40 + rows // 4, 90 + (rows + columns + 3 * number) % 128]
    pixels = np.stack(planes, -1) + np.random.default_rng(number).integers(-4, 5, (height, width, 3))
    return np.ascontiguousarray(pixels.clip(0, 255).astype(np.uint8))


def make_images(folder: Path, frames: int) -> None:
    """Two columns of JPEGs, all rows in one row group."""

    features = datasets.Features({"id": datasets.Value("int64"), "front": datasets.Image(), "wrist": datasets.Image()})
    pictures = []
    for number in range(frames):
        content = BytesIO()
        Image.fromarray(_picture(number)).save(content, format="JPEG", quality=90)
        pictures.append({"bytes": content.getvalue(), "path": f"{number}.jpg"})
    kind = features.arrow_schema.field("front").type
    columns = [pa.array(range(frames), pa.int64()), pa.array(pictures, kind), pa.array(pictures, kind)]
    (folder / "data").mkdir(parents=True)
    table = pa.table(columns, schema=features.arrow_schema)
    pq.write_table(table, folder / "data/train-00000-of-00001.parquet", row_group_size=frames)


if __name__ == "__main__":
    kind, where, length = sys.argv[1:]
    {"lerobot": make_lerobot, "episodes": make_short_episodes, "images": make_images}[kind](Path(where), int(length))
