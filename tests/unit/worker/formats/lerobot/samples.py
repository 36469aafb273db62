"""Datasets as metadata only, made to measure."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from augmentation_api import Augmentation, AugmentationJobSpec
from augmentation_api.spec import HubSource, Output, Source
from augmentation_api.vocabulary import OutputMode
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.episode_columns import read_episodes
from augmentation_worker.formats.lerobot.episode_tables import EpisodeTables
from augmentation_worker.formats.lerobot.info import INFO_PATH, DatasetInfo, read_info
from augmentation_worker.formats.lerobot.metadata import STATS_PATH, DatasetMetadata, episode_files_of, read_metadata
from augmentation_worker.formats.lerobot.statistics import KnownStatistics, statistics_columns

FIXTURE = Path(__file__).parents[4] / "fixtures" / "pusht_v30"
FIXTURE_V21 = FIXTURE.with_name("pusht_v21")
TOP, WRIST, DEPTH = "observation.images.top", "observation.images.wrist", "observation.images.depth"


def job(augmentation: Augmentation, mode: OutputMode = OutputMode.COPY) -> AugmentationJobSpec:
    """The spec of a job that augments so."""
    source = Source(hub=HubSource(repo_id="lab/sample"))
    return AugmentationJobSpec(source=source, augmentation=augmentation, output=Output(mode=mode))


def info_document(**changes: Any) -> dict[str, Any]:
    """meta/info.json of a dataset with two colour cameras and a depth camera, and with these fields instead."""
    video = {"dtype": "video", "shape": [48, 64, 3], "names": ["height", "width", "channels"]}
    features: dict[str, Any] = {
        TOP: {**video, "info": {"video.codec": "av1"}},
        WRIST: {**video, "info": {"video.codec": "av1"}},
        DEPTH: {**video, "info": {"video.codec": "av1", "is_depth_map": True}},
        "action": {"dtype": "float32", "shape": [2], "names": None},
    }
    for name in ("timestamp", "frame_index", "episode_index", "index", "task_index"):
        features[name] = {"dtype": "float32" if name == "timestamp" else "int64", "shape": [1], "names": None}
    return {
        "codebase_version": "v3.0",
        "fps": 10,
        "features": features,
        "total_episodes": 1,
        "total_frames": 1,
        "total_tasks": 1,
        "chunks_size": 1000,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "splits": {"train": "0:1"},
        **changes,
    }


def info_of(**changes: Any) -> DatasetInfo:
    return read_info(json.dumps(info_document(**changes)).encode(), "lab/sample")


def episode_rows(lengths: Sequence[int], *, episodes_per_file: int = 2, fps: int = 10) -> dict[str, list[Any]]:
    """Columns of meta/episodes for episodes of these lengths, so many of them in each data and video file."""
    columns: dict[str, list[Any]] = {}
    row = 0
    for index, length in enumerate(lengths):
        offset = sum(lengths[index - index % episodes_per_file : index])
        cells: dict[str, Any] = {
            "episode_index": index,
            "tasks": ["push"],
            "length": length,
            "data/chunk_index": 0,
            "data/file_index": index // episodes_per_file,
            "dataset_from_index": row,
            "dataset_to_index": row + length,
            "stats/index/min": [float(row)],
            "stats/index/mean": [row + (length - 1) / 2],
            "stats/index/count": [length],
        }
        for camera in (TOP, WRIST, DEPTH):
            cells |= {
                f"videos/{camera}/chunk_index": 0,
                f"videos/{camera}/file_index": index // episodes_per_file,
                f"videos/{camera}/from_timestamp": offset / fps,
                f"videos/{camera}/to_timestamp": (offset + length) / fps,
                f"stats/{camera}/mean": [[[0.1]], [[0.2]], [[0.3]]],
                f"stats/{camera}/count": [length],
            }
        for name, value in cells.items():
            columns.setdefault(name, []).append(value)
        row += length
    return columns


def metadata_of(columns: Mapping[str, list[Any]], **changes: Any) -> DatasetMetadata:
    """Metadata with these episodes, checked like one from a hub."""
    totals = {"total_episodes": len(columns["length"]), "total_frames": sum(columns["length"])}
    info, table = info_of(**{**totals, **changes}), pa.table(dict(columns))
    episodes = read_episodes(table, info, "lab/sample")
    files = {DatasetPath("meta/episodes/chunk-000/file-000.parquet"): 1}
    statistics = KnownStatistics(statistics_columns(table), table)
    return DatasetMetadata("lab/sample", "0" * 40, info, episodes, table, files, None, statistics=statistics)


def fixture_metadata(folder: Path = FIXTURE) -> DatasetMetadata:
    """A real sample dataset."""
    info = read_info((folder / INFO_PATH).read_bytes(), "lab/pusht")
    paths = [DatasetPath(str(path.relative_to(folder))) for path in folder.rglob("*") if path.is_file()]
    files = episode_files_of(paths, info)
    stats = folder / STATS_PATH
    content = stats.read_bytes() if stats.exists() else None
    return read_metadata("lab/pusht", "1" * 40, info, files, folder.joinpath, content)


def fixture_table(folder: Path = FIXTURE) -> pa.Table:
    """Its episodes, with their statistics."""
    metadata = fixture_metadata(folder)
    return EpisodeTables(metadata, folder.joinpath).of(range(len(metadata.episodes)))
