"""The graphics card's own encoders: which of them this card has is found out by trying.

Cards differ: an L4 encodes AV1, an A100 and an H100 encode nothing; drivers, containers and the number of encoders that
may run at once differ too. No table knows all that, and an attempt takes a fraction of a second.
"""

from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import torch

from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import CARD_PIX_FMT, VideoEncoding

_TRIAL_FRAMES = 2
_TRIAL_FPS = 30


def on_card(encoding: VideoEncoding, *, width: int, height: int, at_once: int, scratch: Path) -> VideoEncoding:
    """The encoding done by the card, if it can; else as it is.

    Args:
        encoding: by the processor.
        width, height: of the frames, pixels.
        at_once: encoders that will run side by side, one a copy.
        scratch: folder for the files of the attempt; nothing stays there.
    """
    # Quality 0 means "choose one" to a card, and not "lossless".
    if encoding.pix_fmt != CARD_PIX_FMT or encoding.crf == 0:
        return encoding
    by_card = replace(encoding, by_card=True)
    return by_card if _takes(by_card, width, height, at_once, scratch) else encoding


@cache
def _takes(encoding: VideoEncoding, width: int, height: int, at_once: int, scratch: Path) -> bool:
    """Whether the card encodes `at_once` videos like this. Asked once for each size: the answer stays the same."""
    frames = torch.zeros(_TRIAL_FRAMES, 3, height, width, dtype=torch.uint8)
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
