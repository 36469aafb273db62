"""NVIDIA's hardware encoders (NVENC): which of them this machine's GPU has is found out by trying.

GPUs differ: an L4 encodes AV1, an A100 and an H100 encode nothing; drivers, containers and the number of encoders that
may run at once differ too. No table knows all that, and an attempt takes a fraction of a second.
"""

from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import NVENC_PIX_FMT, VideoEncoding

_TRIAL_FRAMES = 2
_TRIAL_FPS = 30


def prefer_nvenc(encoding: VideoEncoding, *, width: int, height: int, at_once: int, scratch: Path) -> VideoEncoding:
    """The same encoding by the hardware encoder where the GPU has one that takes it; else by software, unchanged.

    Args:
        encoding: by a software encoder.
        width, height: of the frames, pixels.
        at_once: encoders that will run at the same time, one per copy.
        scratch: folder for the files of the attempt; nothing stays there.
    """
    # Quality 0 means "choose one" to NVENC, and not "lossless".
    if encoding.pix_fmt != NVENC_PIX_FMT or encoding.crf == 0:
        return encoding
    by_nvenc = replace(encoding, uses_nvenc=True)
    return by_nvenc if _takes(by_nvenc, width, height, at_once, scratch) else encoding


@cache
def _takes(encoding: VideoEncoding, width: int, height: int, at_once: int, scratch: Path) -> bool:
    """Whether the GPU encodes `at_once` videos like this. Asked once per size: the answer stays the same."""
    frames = np.zeros((_TRIAL_FRAMES, 3, height, width), np.uint8)
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        with TemporaryDirectory(dir=scratch) as folder, ExitStack() as running:
            encoders = [
                running.enter_context(
                    VideoEncoder(Path(folder, f"{number}.mp4"), encoding, fps=_TRIAL_FPS, width=width, height=height)
                )
                for number in range(at_once)
            ]
            for encoder in encoders:
                encoder.write(frames)
    except (ValueError, av.FFmpegError):
        return False
    return True
