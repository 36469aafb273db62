"""Verification of datasets by LeRobot: open them, read every frame, and compare them with what is expected.

Run by a separate interpreter, as LeRobot's dependencies differ from ours: lerobot[dataset]==0.6.1 (Python >= 3.12) for
datasets in v3.0, lerobot==0.3.3 (Python 3.11) for v2.1.

    python lerobot_judge.py '[{"folder": "/data/pusht", "repo_id": "lab/pusht", "episodes": 18, "frames": 1026}]'

Prints one JSON object per dataset; exits with 1 and a message on the first difference. Importing LeRobot takes longer
than to read a small dataset: so with `--serve`, one process judges one such document after another, each a line of its
input; its answer is a line, too: exit status, standard output and error.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # missing files must not be fetched from the hub

logging.disable(logging.WARNING)  # torchcodec's absence is logged in a hundred lines; PyAV decodes as well

import av  # noqa: E402
import datasets as hugging_face_datasets  # noqa: E402
import numpy as np  # noqa: E402
import pyarrow.parquet as parquet  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
from lerobot.datasets.compute_stats import aggregate_stats  # noqa: E402
from lerobot.datasets.lerobot_dataset import CODEBASE_VERSION, LeRobotDataset  # noqa: E402

torch.set_num_threads(1)  # of more, each waits for the others by spinning, for tensors of some kilobytes
TOLERANCE_SECONDS = 1e-4
INDEX_FEATURES = ("timestamp", "frame_index", "episode_index", "index", "task_index")
"""What LeRobot adds to recorded frames itself."""
hugging_face_datasets.disable_progress_bars()


class StandInForTorchvisionsVideoReader:
    """torchvision.io.VideoReader with the backend pyav, which lerobot 0.3.3 decodes with.

    torchvision has dropped it (0.26 does not have it); it only passed on PyAV's frames. LeRobot's own code finds a
    frame and checks its timestamp.
    """

    def __init__(self, source: str, stream: str) -> None:
        self.container = av.open(source)
        self._stream = self.container.streams.video[0]
        self._frames = self.container.decode(self._stream)

    def seek(self, seconds: float, keyframes_only: bool = False) -> None:
        assert self._stream.time_base is not None
        self.container.seek(round(max(0.0, seconds) / self._stream.time_base), stream=self._stream, backward=True)
        self._frames = self.container.decode(self._stream)

    def __iter__(self) -> StandInForTorchvisionsVideoReader:
        return self

    def __next__(self) -> dict[str, Any]:
        frame = next(self._frames)
        pixels = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
        assert frame.pts is not None
        assert frame.time_base is not None
        return {"data": pixels, "pts": float(frame.pts * frame.time_base)}


if CODEBASE_VERSION == "v2.1" and not hasattr(torchvision.io, "VideoReader"):
    torchvision.io.VideoReader = StandInForTorchvisionsVideoReader


class Objection(Exception):
    """The dataset differs from what is expected."""


def expect(condition: bool, finding: str) -> None:
    if not condition:
        raise Objection(finding)


def judge(
    folder: str,
    repo_id: str,
    episodes: int,
    frames: int,
    odd_rows: bool = False,
    recorded: int = 0,
    aggregated: bool = False,
) -> dict[str, Any]:
    """Read the whole dataset; raise Objection if it is not as expected.

    `odd_rows`: NaN, timestamps off the grid, originals with another index or without frame_index are expected.
    `recorded`: frames of one more episode that LeRobot records into it first.
    `aggregated`: its statistics are those that LeRobot makes of those of its episodes.
    """
    begin = time.monotonic()
    if recorded:
        record(Path(folder), repo_id, recorded)
    dataset = LeRobotDataset(repo_id, root=Path(folder), video_backend="pyav")
    meta = dataset.meta
    expect(meta.info["codebase_version"] == CODEBASE_VERSION, f"it is in {meta.info['codebase_version']}")
    expect(dataset.num_episodes == episodes, f"{dataset.num_episodes} episodes, not {episodes}")
    expect(dataset.num_frames == len(dataset) == frames, f"{dataset.num_frames} frames, not {frames}")
    if not odd_rows:
        check_statistics(dataset)
    if aggregated:
        check_aggregated(dataset)
    cameras = {key: tuple(meta.features[key]["shape"]) for key in meta.camera_keys}
    names = {key: meta.features[key]["names"] for key in meta.camera_keys}
    tasks: list[str] = []
    position = 0
    for episode in range(episodes):
        row = meta.episodes[episode]
        length = row["length"]
        first, end = bounds(dataset, episode)
        expect(row["episode_index"] == episode, f"row {episode} of the episodes is episode {row['episode_index']}")
        expect(first == position, f"episode {episode} starts at {first}")
        expect(end == position + length, f"episode {episode} ends at {end}")
        tasks_of_episode: set[str] = set()
        for number in range(length):
            item = dataset[position + number]
            where = f"episode {episode}, frame {number}"
            expect(item["episode_index"].item() == episode, f"{where}: episode_index {item['episode_index'].item()}")
            if not odd_rows:
                check_numbers(item, position + number, number, meta.fps, where)
            for key, shape in cameras.items():
                image = item[key]
                is_depth = is_depth_video(meta.features[key])
                expected_shape = channels_first((*shape[:2], 1) if is_depth else shape, names[key])
                expect(
                    tuple(image.shape) == expected_shape,
                    f"{where}, {key}: shape {tuple(image.shape)}, not {expected_shape}",
                )
                expect(bool(torch.isfinite(image).all()), f"{where}, {key}: not finite")
                in_range = is_depth or (image.min().item() >= 0 and image.max().item() <= 1)
                expect(in_range, f"{where}, {key}: outside of [0, 1]")
            tasks_of_episode.add(item["task"])
        task_names = set(meta.tasks.values()) if isinstance(meta.tasks, dict) else set(meta.tasks.index)
        named = {row["tasks"]} if isinstance(row["tasks"], str) else set(row["tasks"])
        expect(named <= task_names, f"episode {episode}: unknown task in {row['tasks']}")
        tasks.append(" | ".join(sorted(tasks_of_episode)))
        position += length
    expect(position == frames, f"the episodes have {position} frames, not {frames}")
    return {
        "episodes": episodes,
        "frames": frames,
        "cameras": {key: list(shape) for key, shape in cameras.items()},
        "tasks": tasks,
        "seconds": round(time.monotonic() - begin, 1),
    }


def record(folder: Path, repo_id: str, frames: int) -> None:
    """Go on with a recording in v3.0."""
    dataset = LeRobotDataset.resume(repo_id, root=folder)
    features = {key: value for key, value in dataset.meta.features.items() if key not in INDEX_FEATURES}
    for number in range(frames):
        values = {
            key: np.full(feature["shape"], number, "uint8" if key in dataset.meta.camera_keys else feature["dtype"])
            for key, feature in features.items()
        }
        dataset.add_frame({**values, "task": "Go on"})
    dataset.save_episode()
    dataset.finalize()


def check_numbers(item: dict[str, Any], index: int, frame: int, fps: float, where: str) -> None:
    """Check the numbers of a row, and its time."""
    expect(item["index"].item() == index, f"{where}: index {item['index'].item()}")
    expect(item["frame_index"].item() == frame, f"{where}: frame_index {item['frame_index'].item()}")
    off = abs(item["timestamp"].item() - frame / fps)
    expect(off <= TOLERANCE_SECONDS, f"{where}: {off} s off its time")


def bounds(dataset: Any, episode: int) -> tuple[int, int]:
    """First row of an episode and the row after its last, as the loader counts them."""
    if CODEBASE_VERSION == "v2.1":
        index = dataset.episode_data_index
        return int(index["from"][episode]), int(index["to"][episode])
    row = dataset.meta.episodes[episode]
    return row["dataset_from_index"], row["dataset_to_index"]


def is_depth_video(feature: dict[str, Any]) -> bool:
    """Whether the loader returns one depth channel: newer loaders know the flag, for videos."""
    flagged = bool((feature.get("info") or {}).get("is_depth_map"))
    return flagged and feature["dtype"] == "video" and CODEBASE_VERSION != "v2.1"


def channels_first(shape: tuple[int, ...], names: Any) -> tuple[int, ...]:
    height, width, channels = shape if not names or names[0] != "channels" else (shape[1], shape[2], shape[0])
    return (channels, height, width)


def check_statistics(dataset: LeRobotDataset) -> None:
    """Check that statistics are finite, ordered, and of the shape LeRobot normalizes with."""
    expect(bool(dataset.meta.stats), "no statistics")
    for feature, statistics in dataset.meta.stats.items():
        for name, values in statistics.items():
            expect(
                bool(torch.isfinite(torch.as_tensor(values).double()).all()), f"stats {feature}/{name} is not finite"
            )
        low, mean, high = (torch.as_tensor(statistics[name]).double() for name in ("min", "mean", "max"))
        expect(
            bool((low - 1e-9 <= mean).all() and (mean <= high + 1e-9).all()), f"stats {feature}: mean outside of range"
        )
    count = int(dataset.meta.stats["index"]["count"].ravel()[0])
    expect(count == dataset.num_frames, f"stats index/count is {count}, not {dataset.num_frames}")
    for key in dataset.meta.camera_keys:
        shape = dataset.meta.features[key]["shape"]
        channels = channels_first(tuple(shape), dataset.meta.features[key]["names"])[0]
        expect(tuple(dataset.meta.stats[key]["mean"].shape) == (channels, 1, 1), f"stats {key}/mean is not (C, 1, 1)")


def serve() -> int:
    """Judge documents until the input ends."""
    for document in sys.stdin:
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            try:
                status = judge_all(document)
            except Exception:
                status = 1
                traceback.print_exc()
        print(json.dumps([status, output.getvalue(), errors.getvalue()]), flush=True)
    return 0


def check_aggregated(dataset: LeRobotDataset) -> None:
    """Check statistics against LeRobot's own aggregation, but for quantiles, which 0.6.1 averages (lerobot#3804)."""
    episodes = []
    for path in sorted((dataset.root / "meta/episodes").glob("*/*.parquet")):
        for row in parquet.read_table(path).to_pylist():
            statistics: dict[str, dict[str, Any]] = {}
            for name in [name for name in row if name.startswith("stats/")]:
                feature, _, statistic = name.removeprefix("stats/").rpartition("/")
                statistics.setdefault(feature, {})[statistic] = np.array(row[name])
            episodes.append(statistics)
    for feature, found in aggregate_stats(episodes).items():
        for name in ("min", "max", "mean", "std", "count"):
            expect(
                np.allclose(dataset.meta.stats[feature][name], found[name], rtol=1e-6, atol=1e-9),
                f"stats {feature}/{name} is {dataset.meta.stats[feature][name]}, LeRobot makes {found[name]}",
            )


def judge_all(document: str) -> int:
    """Judge the datasets of a document; 1 after the first that is not as expected."""
    for expected in json.loads(document):
        try:
            print(json.dumps(judge(**expected)), flush=True)
        except Exception as error:
            objection = str(error) if isinstance(error, Objection) else f"{type(error).__name__}: {error}"
            print(f"LeRobot does not read {expected['repo_id']} as it should be: {objection}", file=sys.stderr)
            if not isinstance(error, Objection):
                raise
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(serve() if sys.argv[1] == "--serve" else judge_all(sys.argv[1]))
