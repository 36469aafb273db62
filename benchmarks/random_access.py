"""Random access as LeRobot's loader decodes it: run by an interpreter that has lerobot, as `benchmarks/codecs.py` does.

    .venv-lerobot/bin/python benchmarks/random_access.py READS ROUNDS < videos.json > seconds.json

The videos are a list of {"path", "fps", "frames"}; the answer has the processor time of a read of each, in seconds: one
frame at a random moment, by `decode_video_frames`, which is what LeRobotDataset calls for an item. Videos take turns,
and the best of the rounds counts.
"""

import json
import random
import sys
import time

import torch
from lerobot.datasets.video_utils import decode_video_frames


def main(reads: int, rounds: int) -> None:
    torch.set_num_threads(1)  # its waiting threads would count as processor time
    videos = json.load(sys.stdin)
    best = [float("inf")] * len(videos)
    for video in videos:
        decode_video_frames(video["path"], [0.0], 1e-4)  # imports, and the decoder's own first time
    for _ in range(rounds):
        for number, video in enumerate(videos):
            moments = random.Random(7)
            frames = [moments.randrange(video["frames"]) for _ in range(reads)]
            started = time.process_time()
            for frame in frames:
                decode_video_frames(video["path"], [frame / video["fps"]], 1e-4)
            best[number] = min(best[number], (time.process_time() - started) / reads)
    json.dump(best, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
