"""One copy of an episode on its way to its file, whatever makes its pixels: hashed, measured, encoded in a thread."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from augmentation_worker.media.image_statistics import ImageStatisticsCollector
from augmentation_worker.media.pixel_hash import PixelHash
from augmentation_worker.media.stage_clock import Stage, StageClock
from augmentation_worker.media.video.encoded_copy import EncodedCopy
from augmentation_worker.media.video.encoder import VideoEncoder

BATCHES_AHEAD = 2
"""Batches by which whatever makes frames may be ahead of the encoder of a copy."""


class CopyWriter:
    """Writes one copy, batch by batch, in a thread of its own. Subclasses take the batches.

    Args:
        path: of the file.
        encoder: writes it.
        frames: length of the episode.
        stages: takes the seconds of each stage.
    """

    def __init__(self, path: Path, encoder: VideoEncoder, frames: int, stages: StageClock) -> None:
        self._path = path
        self._encoder = encoder
        self._frames = frames
        self._stages = stages
        self._hash = PixelHash()
        self._statistics = ImageStatisticsCollector(frames)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=path.stem)
        self._pending: deque[Future[int]] = deque()
        self._complete = False

    def end(self) -> None:
        """Hand over that there are no more batches.

        All copies are to end before one is waited for: an encoder still holds dozens of frames that it looks ahead by.
        """
        self._pending.append(self._thread.submit(self._close))

    def finish(self) -> int:
        """Wait for the complete file, after `end`; returns how many frames were finished meanwhile."""
        finished = sum(future.result() for future in self._pending)
        # An encoder keeps its memory for as long as it is there, closed or not: 50 MB of SVT-AV1's at 480x640.
        del self._encoder
        self._complete = True
        return finished

    def stop(self) -> None:
        """Stop the thread and discard the file, unless it is complete."""
        self._thread.shutdown(cancel_futures=True)
        if not self._complete:
            self._encoder.discard()

    def result(self) -> EncodedCopy:
        """The copy, after it was finished."""
        return EncodedCopy(self._path, self._frames, self._statistics.result(), self._hash.hexdigest())

    def _close(self) -> int:
        """Complete the file; no frame is finished by that."""
        with self._stages.measure(Stage.ENCODE):
            self._encoder.close()
        return 0
