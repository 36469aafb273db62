"""Random access as LeRobot's loader decodes it: run by an interpreter that has lerobot, as `benchmarks/codecs.py` does.

    .venv-lerobot/bin/python benchmarks/random_access.py READS ROUNDS < videos.json > seconds.json

The videos are a list of {"path", "fps", "frames"}; the answer has by decoder ("torchcodec", LeRobot's default, and
"pyav") the processor time of a read of each, in seconds: one frame at a random moment, by `decode_video_frames`, which
is what LeRobotDataset calls for an item. Videos take turns, and the best of the rounds counts. torchcodec is left out
where it finds no FFmpeg.
"""

import json
import random
import sys
import time
from typing import Any

import torch
from lerobot.datasets.video_utils import decode_video_frames
from lerobot.utils.import_utils import get_safe_default_video_backend


def measure(videos: list[dict[str, Any]], decoder: str, reads: int, rounds: int) -> list[float]:
    """Seconds of a read of each video."""
    for video in videos:
        decode_video_frames(video["path"], [0.0], 1e-4, decoder)  # imports, and the decoder's own first time
    best = [float("inf")] * len(videos)
    for _ in range(rounds):
        for number, video in enumerate(videos):
            moments = random.Random(7)
            frames = [moments.randrange(video["frames"]) for _ in range(reads)]
            started = time.process_time()
            for frame in frames:
                decode_video_frames(video["path"], [frame / video["fps"]], 1e-4, decoder)
            best[number] = min(best[number], (time.process_time() - started) / reads)
    return best


def main(reads: int, rounds: int) -> None:
    torch.set_num_threads(1)  # its waiting threads would count as processor time
    videos = json.load(sys.stdin)
    decoders = dict.fromkeys([get_safe_default_video_backend(), "pyav"])
    json.dump({decoder: measure(videos, decoder, reads, rounds) for decoder in decoders}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
