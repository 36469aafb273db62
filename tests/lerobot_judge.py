"""LeRobot's own opinion of a dataset: open it, read every frame, and hold it to what it should be.

Run by an interpreter of its own (Python >= 3.12 with lerobot[dataset]==0.6.1), as LeRobot's dependencies are not ours:

    python lerobot_judge.py DATASET_DIR REPO_ID --episodes N --frames M

Prints one JSON object; exits with 1 and a message on the first thing that is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # what is missing must not be fetched from somewhere else

logging.disable(logging.WARNING)  # torchcodec's absence is told in a hundred lines; PyAV decodes as well

import torch  # noqa: E402
from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402

TOLERANCE_SECONDS = 1e-4


class Objection(Exception):
    """The dataset is not as it should be."""


def expect(condition: bool, finding: str) -> None:
    if not condition:
        raise Objection(finding)


def judge(folder: Path, repo_id: str, episodes: int, frames: int) -> dict[str, Any]:
    """Read the whole dataset; raises Objection."""
    begin = time.monotonic()
    dataset = LeRobotDataset(repo_id, root=folder, video_backend="pyav")
    meta = dataset.meta
    expect(dataset.num_episodes == episodes, f"{dataset.num_episodes} episodes, not {episodes}")
    expect(dataset.num_frames == len(dataset) == frames, f"{dataset.num_frames} frames, not {frames}")
    check_statistics(dataset)
    cameras = {key: tuple(meta.features[key]["shape"]) for key in meta.video_keys}
    names = {key: meta.features[key]["names"] for key in meta.video_keys}
    tasks: set[str] = set()
    position = 0
    for episode in range(episodes):
        row = meta.episodes[episode]
        length = row["length"]
        expect(row["episode_index"] == episode, f"row {episode} of meta/episodes is episode {row['episode_index']}")
        expect(row["dataset_from_index"] == position, f"episode {episode} starts at {row['dataset_from_index']}")
        expect(row["dataset_to_index"] == position + length, f"episode {episode} ends at {row['dataset_to_index']}")
        for number in range(length):
            item = dataset[position + number]
            where = f"episode {episode}, frame {number}"
            expect(item["episode_index"].item() == episode, f"{where}: episode_index {item['episode_index'].item()}")
            expect(item["index"].item() == position + number, f"{where}: index {item['index'].item()}")
            expect(item["frame_index"].item() == number, f"{where}: frame_index {item['frame_index'].item()}")
            off = abs(item["timestamp"].item() - number / meta.fps)
            expect(off <= TOLERANCE_SECONDS, f"{where}: {off} s off its time")
            for key, shape in cameras.items():
                image = item[key]
                is_depth = bool((meta.features[key].get("info") or {}).get("is_depth_map"))
                wanted = channels_first((*shape[:2], 1) if is_depth else shape, names[key])
                expect(tuple(image.shape) == wanted, f"{where}, {key}: shape {tuple(image.shape)}, not {wanted}")
                expect(bool(torch.isfinite(image).all()), f"{where}, {key}: not finite")
                in_range = is_depth or (image.min().item() >= 0 and image.max().item() <= 1)
                expect(in_range, f"{where}, {key}: outside of [0, 1]")
            tasks.add(item["task"])
        expect(set(row["tasks"]) <= set(meta.tasks.index), f"episode {episode}: unknown task in {row['tasks']}")
        position += length
    expect(position == frames, f"the episodes have {position} frames, not {frames}")
    return {
        "episodes": episodes,
        "frames": frames,
        "cameras": {key: list(shape) for key, shape in cameras.items()},
        "tasks": sorted(tasks),
        "seconds": round(time.monotonic() - begin, 1),
    }


def channels_first(shape: tuple[int, ...], names: Any) -> tuple[int, ...]:
    height, width, channels = shape if not names or names[0] != "channels" else (shape[1], shape[2], shape[0])
    return (channels, height, width)


def check_statistics(dataset: LeRobotDataset) -> None:
    """meta/stats.json: finite, ordered, and of the shape LeRobot normalizes with."""
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
    for key in dataset.meta.video_keys:
        expect(tuple(dataset.meta.stats[key]["mean"].shape) == (3, 1, 1), f"stats {key}/mean is not of shape (3, 1, 1)")
        count = int(dataset.meta.stats["index"]["count"].ravel()[0])
        expect(count == dataset.num_frames, f"stats index/count is {count}, not {dataset.num_frames}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("repo_id")
    parser.add_argument("--episodes", type=int, required=True)
    parser.add_argument("--frames", type=int, required=True)
    arguments = parser.parse_args()
    try:
        print(json.dumps(judge(arguments.folder, arguments.repo_id, arguments.episodes, arguments.frames)))
    except Objection as objection:
        print(json.dumps({"objection": str(objection)}))
        print(f"LeRobot does not read this dataset as it should be: {objection}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
