"""Decoding an episode into batches of RGB frames."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from augmentation_worker.media.video.colors import ColorConverter
from augmentation_worker.media.video.segment import VideoSegment, decode_frames


def decode_segment(segment: VideoSegment, batch_size: int = 32) -> Iterator[NDArray[np.uint8]]:
    """Decode an episode, batch by batch; memory is bounded by the batch, whatever the length.

    Colours are converted with the matrix and range that the stream is tagged with, untagged ones as BT.601 limited,
    like PyAV's `frame.to_ndarray(format="rgb24")`, which LeRobot's reader uses, but exactly: see `colors.TO_RGB`.

    Args:
        segment: the frames to decode.
        batch_size: frames a batch, at least 1.

    Yields:
        uint8 [N, 3, H, W], contiguous, N = batch_size but for the last batch; a new array each time.

    Raises:
        VideoInvalid: as `decode_frames`.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    batch: NDArray[np.uint8] | None = None
    filled = 0
    converter = ColorConverter()
    for offset, frame in enumerate(decode_frames(segment)):
        shape = (3, frame.height, frame.width)
        if batch is None:
            batch = np.empty((min(batch_size, segment.frames - offset), *shape), np.uint8)
        converter.to_rgb(frame, batch[filled])
        filled += 1
        if filled == len(batch):
            yield batch
            batch, filled = None, 0
