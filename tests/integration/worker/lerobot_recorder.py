"""Small LeRobot datasets as LeRobot itself would record them, in each of its formats."""

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

FPS = 10
HEIGHT, WIDTH = 48, 64
Frames = npt.NDArray[np.uint8]
Depths = npt.NDArray[np.uint16]
"""uint16 [H, W], 12 bits."""
DEPTH_FACTS = {
    "video.codec": "hevc",
    "video.pix_fmt": "gray12le",
    "video.fps": FPS,
    "video.g": 2,
    "video.crf": 30,
    "video.extra_options": {"x265-params": "lossless=1"},
    "is_depth_map": True,
    "depth_unit": "mm",
}
"""What LeRobot's info.json says of depths."""


class Kind(Enum):
    """How a camera's frames are stored."""

    VIDEO = "video"
    PNG = "png"
    JPEG = "jpeg"
    MASK = "one channel of 8 bits, PNG"
    DEPTH = "one channel of 16 bits, PNG"
    DEPTH_VIDEO = "one channel of 12 bits, HEVC without a loss"

    @property
    def channels(self) -> int:
        return 1 if self in (Kind.MASK, Kind.DEPTH, Kind.DEPTH_VIDEO) else 3

    @property
    def is_video(self) -> bool:
        return self in (Kind.VIDEO, Kind.DEPTH_VIDEO)


def record(
    folder: Path,
    version: str,
    cameras: Mapping[str, Kind],
    lengths: Sequence[int] = (6, 5),
    files: int = 1,
    **info: Any,
) -> Path:
    """Write a dataset.

    Args:
        folder: path of the dataset.
        version: v3.0 or v2.1.
        cameras: storage of each camera's frames.
        lengths: length of each episode, frames.
        files: v3.0: number of data files.
        info: other fields of info.json.
    """
    recorded = {
        key: [frames_of(place, episode, length) for episode, length in enumerate(lengths)]
        for place, key in enumerate(cameras)
    }
    statistics = [_statistics(cameras, recorded, lengths, episode) for episode in range(len(lengths))]
    chunks_size = int(info.get("chunks_size", 1000))
    document = _info(version, cameras, lengths, chunks_size) | info
    (folder / "meta").mkdir(parents=True)
    (folder / "meta/info.json").write_text(json.dumps(document, indent=4))
    tables = [_rows(cameras, recorded, lengths, episode) for episode in range(len(lengths))]
    if version == "v2.1":
        tables = [_as_older_datasets_wrote(table) for table in tables]
        _write_v21(folder, document, tables, statistics, recorded, cameras)
    else:
        _write_v30(folder, document, tables, statistics, recorded, cameras, files)
    return folder


def frames_of(camera: int, episode: int, length: int) -> Frames:
    """uint8 [length, H, W, 3]: moving, colorful frames."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    frames = [
        np.stack(
            [40 + 2 * columns + 3 * frame, 60 + 2 * rows + 20 * episode, 90 + rows + columns + 10 * camera], axis=-1
        )
        for frame in range(length)
    ]
    made: Frames = np.clip(np.stack(frames), 0, 255).astype(np.uint8)
    return made


def encoded(frame: Frames, kind: Kind) -> bytes:
    """A frame as its camera stores it."""
    image = Image.fromarray(frame)
    if kind is Kind.MASK:
        image = Image.fromarray(frame[..., 0])
    if kind is Kind.DEPTH:
        image = Image.fromarray(frame[..., 0].astype(np.uint16) * 200)
    content = BytesIO()
    image.save(content, "JPEG" if kind is Kind.JPEG else "PNG", **({"quality": 90} if kind is Kind.JPEG else {}))
    return content.getvalue()


def _info(version: str, cameras: Mapping[str, Kind], lengths: Sequence[int], chunks_size: int) -> dict[str, Any]:
    features: dict[str, Any] = {}
    for key, kind in cameras.items():
        features[key] = {
            "dtype": "video" if kind.is_video else "image",
            "shape": [HEIGHT, WIDTH, kind.channels],
            "names": ["height", "width", "channels"],
        }
        if kind is Kind.VIDEO:
            facts = {"video.codec": "h264", "video.pix_fmt": "yuv420p", "video.fps": FPS, "is_depth_map": False}
            features[key]["info"] = facts
        if kind is Kind.DEPTH_VIDEO:
            features[key]["info"] = DEPTH_FACTS
    features["action"] = {"dtype": "float32", "shape": [2], "names": ["x", "y"]}
    for name in ("timestamp", "frame_index", "episode_index", "index", "task_index"):
        features[name] = {"dtype": "float32" if name == "timestamp" else "int64", "shape": [1], "names": None}
    has_videos = any(kind.is_video for kind in cameras.values())
    numbers, video_numbers = "chunk-{chunk_index:03d}/file-{file_index:03d}", "{video_key}/chunk-{chunk_index:03d}"
    more: dict[str, Any] = {
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "data_path": f"data/{numbers}.parquet",
        "video_path": f"videos/{video_numbers}/file-{{file_index:03d}}.mp4" if has_videos else None,
    }
    if version == "v2.1":
        videos = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
        more = {
            "total_videos": len(lengths) * sum(kind.is_video for kind in cameras.values()),
            "total_chunks": -(-len(lengths) // chunks_size),
            "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
            "video_path": videos if has_videos else None,
        }
    return {
        "codebase_version": version,
        "robot_type": "so100",
        "fps": FPS,
        "features": features,
        "total_episodes": len(lengths),
        "total_frames": sum(lengths),
        "total_tasks": 1,
        "chunks_size": chunks_size,
        "splits": {"train": f"0:{len(lengths)}"},
        **more,
    }


def _rows(
    cameras: Mapping[str, Kind], recorded: Mapping[str, list[Frames]], lengths: Sequence[int], episode: int
) -> pa.Table:
    length, first = lengths[episode], sum(lengths[:episode])
    columns: dict[str, Any] = {}
    features: dict[str, Any] = {}
    for key, kind in cameras.items():
        if kind.is_video:
            continue
        features[key] = datasets.Image()
        columns[key] = [
            {"bytes": encoded(frame, kind), "path": f"frame_{number:06d}.{'jpg' if kind is Kind.JPEG else 'png'}"}
            for number, frame in enumerate(recorded[key][episode])
        ]
    features["action"] = datasets.Sequence(datasets.Value("float32"), length=2)
    columns["action"] = [[number / 7, -number / 3] for number in range(length)]
    frames = np.arange(length)
    numbers = {
        "timestamp": frames / FPS,
        "frame_index": frames,
        "episode_index": np.full(length, episode),
        "index": first + frames,
        "task_index": np.zeros(length),
    }
    for name, values in numbers.items():
        features[name] = datasets.Value("float32" if name == "timestamp" else "int64")
        columns[name] = values.tolist() if name == "timestamp" else values.astype(np.int64).tolist()
    return pa.table(columns, schema=datasets.Features(features).arrow_schema)


def _as_older_datasets_wrote(table: pa.Table) -> pa.Table:
    """Replace the List feature, which the library did not have when v2.1 was current."""
    features = table.schema.metadata[b"huggingface"].replace(b'"_type": "List"', b'"_type": "Sequence"')
    return table.replace_schema_metadata({b"huggingface": features})


def _statistics(
    cameras: Mapping[str, Kind], recorded: Mapping[str, list[Frames]], lengths: Sequence[int], episode: int
) -> dict[str, dict[str, Any]]:
    statistics: dict[str, dict[str, Any]] = {}
    for key, kind in cameras.items():
        pixels = recorded[key][episode][..., : kind.channels].astype(np.float64) / 255
        found = {name: getattr(pixels, name)(axis=(0, 1, 2)) for name in ("min", "max", "mean", "std")}
        found |= {f"q{q:02d}": np.quantile(pixels, q / 100, axis=(0, 1, 2)) for q in (1, 10, 50, 90, 99)}
        statistics[key] = {name: values.reshape(-1, 1, 1).tolist() for name, values in found.items()}
    length, first = lengths[episode], sum(lengths[:episode])
    numbers = {
        "action": np.array([[number / 7, -number / 3] for number in range(length)]),
        "timestamp": np.arange(length)[:, None] / FPS,
        "frame_index": np.arange(length)[:, None],
        "episode_index": np.full((length, 1), episode),
        "index": first + np.arange(length)[:, None],
        "task_index": np.zeros((length, 1)),
    }
    for name, column in numbers.items():
        found = {statistic: getattr(column, statistic)(axis=0) for statistic in ("min", "max", "mean", "std")}
        found |= {f"q{q:02d}": np.quantile(column, q / 100, axis=0) for q in (1, 10, 50, 90, 99)}
        statistics[name] = {statistic: values.astype(float).tolist() for statistic, values in found.items()}
    for found in statistics.values():
        found["count"] = [length]
    return statistics


def _write_v21(
    folder: Path,
    document: Mapping[str, Any],
    tables: Sequence[pa.Table],
    statistics: Sequence[Mapping[str, Mapping[str, Any]]],
    recorded: Mapping[str, list[Frames]],
    cameras: Mapping[str, Kind],
) -> None:
    episodes, stats = [], []
    for index, table in enumerate(tables):
        fields = {"episode_chunk": index // document["chunks_size"], "episode_index": index}
        pq.write_table(table, _parent_made(folder / document["data_path"].format(**fields)))
        for key, kind in cameras.items():
            if kind.is_video:
                path = folder / document["video_path"].format(video_key=key, **fields)
                _write_video(_parent_made(path), [recorded[key][index]], kind)
        episodes.append({"episode_index": index, "tasks": ["push"], "length": table.num_rows})
        without = {
            feature: {name: value for name, value in values.items() if not name.startswith("q")}
            for feature, values in statistics[index].items()
        }
        stats.append({"episode_index": index, "stats": without})
    for name, lines in (
        ("episodes", episodes),
        ("episodes_stats", stats),
        ("tasks", [{"task_index": 0, "task": "push"}]),
    ):
        (folder / f"meta/{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def _write_v30(
    folder: Path,
    document: Mapping[str, Any],
    tables: Sequence[pa.Table],
    statistics: Sequence[Mapping[str, Mapping[str, Any]]],
    recorded: Mapping[str, list[Frames]],
    cameras: Mapping[str, Kind],
    files: int,
) -> None:
    per_file = -(-len(tables) // files)
    for number in range(files):
        path = folder / document["data_path"].format(chunk_index=0, file_index=number)
        with pq.ParquetWriter(_parent_made(path), tables[0].schema) as writer:
            for table in tables[number * per_file : (number + 1) * per_file]:
                writer.write_table(table)
    videos = [key for key, kind in cameras.items() if kind.is_video]
    for key in videos:
        path = folder / document["video_path"].format(video_key=key, chunk_index=0, file_index=0)
        _write_video(_parent_made(path), recorded[key], cameras[key])
    rows = []
    begin = 0
    for index, table in enumerate(tables):
        row: dict[str, Any] = {"episode_index": index, "tasks": ["push"], "length": table.num_rows}
        row |= {"data/chunk_index": 0, "data/file_index": index // per_file}
        row |= {"dataset_from_index": begin, "dataset_to_index": begin + table.num_rows}
        for key in videos:
            row |= {f"videos/{key}/chunk_index": 0, f"videos/{key}/file_index": 0}
            times = {"from": begin / FPS, "to": (begin + table.num_rows) / FPS}
            row |= {f"videos/{key}/{name}_timestamp": time for name, time in times.items()}
        for feature, found in statistics[index].items():
            row |= {f"stats/{feature}/{name}": value for name, value in found.items()}
        row |= {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
        rows.append(row)
        begin += table.num_rows
    pq.write_table(pa.Table.from_pylist(rows), _parent_made(folder / "meta/episodes/chunk-000/file-000.parquet"))
    task = pa.table({"task_index": [0], "__index_level_0__": ["push"]})
    index_of_pandas = {
        "index_columns": ["__index_level_0__"],
        "column_indexes": [],
        "columns": [
            {"name": name, "field_name": field, "pandas_type": kind, "numpy_type": numpy_kind, "metadata": None}
            for name, field, kind, numpy_kind in (
                ("task_index", "task_index", "int64", "int64"),
                (None, "__index_level_0__", "unicode", "object"),
            )
        ],
        "pandas_version": "2.2.0",
    }
    metadata = {"pandas": json.dumps(index_of_pandas)}
    pq.write_table(task.replace_schema_metadata(metadata), folder / "meta/tasks.parquet")
    stats = {
        feature: {name: value for name, value in found.items() if name == "count"}
        | {
            name: np.mean([values[feature][name] for values in statistics], axis=0).tolist()
            for name in found
            if name != "count"
        }
        for feature, found in statistics[0].items()
    }
    (folder / "meta/stats.json").write_text(json.dumps(stats))


def _write_video(path: Path, episodes: Sequence[Frames], kind: Kind) -> None:
    if kind is Kind.DEPTH_VIDEO:
        write_depths(path, [depths_of(frame) for frame in _all(episodes)])
        return
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(str(FPS)), options={"crf": "18", "g": "2", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, frame in enumerate(_all(episodes)):
            encodable = av.VideoFrame.from_ndarray(frame, format="rgb24")
            encodable.pts = number
            container.mux(stream.encode(encodable))
        container.mux(stream.encode())


def depths_of(frame: Frames) -> Depths:
    """The frame's red, in other numbers."""
    depths: Depths = frame[..., 0].astype(np.uint16) * 16 + 7
    return depths


def write_depths(path: Path, depths: Sequence[Depths], encoder: str = "libx265") -> None:
    """A video as LeRobot 0.6 writes depths: lerobot/configs/video.py, DepthEncoderConfig."""
    options = {"crf": "30", "g": "2", "x265-params": "lossless=1:log-level=error"} if encoder == "libx265" else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=Fraction(str(FPS)), options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = depths[0].shape
        stream.pix_fmt = "gray12le"
        for number, values in enumerate(depths):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(values), format="gray12le")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def read_depths(path: Path) -> list[Depths]:
    """The frames as LeRobot decodes them."""
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="gray12le"), np.uint16) for frame in container.decode(video=0)]


def _all(episodes: Sequence[Frames]) -> Iterator[Frames]:
    for episode in episodes:
        yield from episode


def _parent_made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
