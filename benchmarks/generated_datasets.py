"""Generated datasets for the benchmarks: `python benchmarks/generated_datasets.py lerobot|images FOLDER FRAMES`."""

import json
import sys
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

    video = folder / "videos" / CAMERAS[0] / "chunk-000" / "file-000.mp4"
    video.parent.mkdir(parents=True)
    _encode(video, frames)
    for other in CAMERAS[1:]:
        copy = folder / "videos" / other / "chunk-000" / "file-000.mp4"
        copy.parent.mkdir(parents=True)
        copy.symlink_to(video)
    numbers = np.arange(frames)
    state = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(6 * frames, np.float32)), 6)
    rows = pa.table(
        {
            "observation.state": state,
            "action": state,
            "timestamp": (numbers / FPS).astype(np.float32),
            **dict.fromkeys(("frame_index", "index"), numbers),
            **{name: np.zeros(frames, np.int64) for name in ("episode_index", "task_index")},
        }
    )
    (folder / "data/chunk-000").mkdir(parents=True)
    pq.write_table(rows, folder / "data/chunk-000/file-000.parquet")
    places = {
        f"videos/{camera}/{name}": [value]
        for camera in CAMERAS
        for name, value in {
            "chunk_index": 0,
            "file_index": 0,
            "from_timestamp": 0.0,
            "to_timestamp": frames / FPS,
        }.items()
    }
    episode = {
        "episode_index": [0],
        "tasks": [["move"]],
        "length": [frames],
        **{name: [0] for name in ("data/chunk_index", "data/file_index", "dataset_from_index")},
        "dataset_to_index": [frames],
        **places,
        **{name: [0] for name in ("meta/episodes/chunk_index", "meta/episodes/file_index")},
    }
    (folder / "meta/episodes/chunk-000").mkdir(parents=True)
    pq.write_table(pa.table(episode), folder / "meta/episodes/chunk-000/file-000.parquet")
    pq.write_table(pa.table({"task_index": [0], "task": ["move"]}), folder / "meta/tasks.parquet")
    thirds = [[[0.5]], [[0.5]], [[0.5]]]
    statistics = dict.fromkeys(("min", "max", "mean", "std"), thirds) | {"count": [frames]}
    (folder / "meta/stats.json").write_text(json.dumps(dict.fromkeys(CAMERAS, statistics)))
    video_info = {"video.codec": "av1", "video.pix_fmt": "yuv420p", "video.fps": FPS, "video.g": 2, "video.crf": 30}
    feature: dict[str, object] = {
        "dtype": "video",
        "shape": [HEIGHT, WIDTH, 3],
        "names": ["height", "width", "channels"],
        "info": video_info,
    }
    numbers_of: dict[str, str] = {"timestamp": "float32"} | dict.fromkeys(
        ("frame_index", "episode_index", "index", "task_index"), "int64"
    )
    features: dict[str, dict[str, object]] = dict.fromkeys(CAMERAS, feature)
    features |= {name: {"dtype": "float32", "shape": [6], "names": None} for name in ("observation.state", "action")}
    features |= {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in numbers_of.items()}
    info = {
        "codebase_version": "v3.0",
        "robot_type": "generated",
        "total_episodes": 1,
        "total_frames": frames,
        "total_tasks": 1,
        "chunks_size": 1000,
        "fps": FPS,
        "splits": {"train": "0:1"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": features,
    }
    (folder / "meta/info.json").write_text(json.dumps(info))


def _encode(path: Path, frames: int) -> None:

    with av.open(path, "w") as container:
        stream = container.add_stream("libsvtav1", rate=FPS, options={"preset": "12", "crf": "30", "g": "2"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_picture(number), format="rgb24")))
        container.mux(stream.encode())


def _picture(number: int) -> npt.NDArray[np.uint8]:

    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [60 + columns // 5, 40 + rows // 4, 90 + (rows + columns + 3 * number) % 128]
    pixels = np.stack(planes, -1) + np.random.default_rng(number).integers(-4, 5, (HEIGHT, WIDTH, 3))
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
    {"lerobot": make_lerobot, "images": make_images}[kind](Path(where), int(length))
