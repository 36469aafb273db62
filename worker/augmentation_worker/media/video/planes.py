"""The values of decoded frames as they are stored, plane by plane: nothing is converted to RGB."""

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from augmentation_worker.media.video.colors import FULL_RANGE

Plane = NDArray[Any]
"""uint8 or uint16 [H, W]; planes of chroma may be smaller than the frame."""


def planes_of(frame: av.VideoFrame) -> list[Plane]:
    """Views of a frame's planes, writable; of a format with one channel in each."""
    kinds = [np.uint16 if component.bits > 8 else np.uint8 for component in frame.format.components]
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size).view(kind)[:, : plane.width]
        for plane, kind in zip(frame.planes, kinds, strict=True)
    ]


def frame_of(planes: list[Plane], pix_fmt: str) -> av.VideoFrame:
    """A frame with these planes, the first of which is as large as the frame."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pix_fmt)
    for target, values in zip(planes_of(frame), planes, strict=True):
        target[:] = values
    return frame


def black_of(pix_fmt: str, color_range: int) -> list[int]:
    """The value of each plane where the frame is black; of depths and labels of one channel that is 0.

    Args:
        pix_fmt: pixel format.
        color_range: FFmpeg's, of the stream.
    """
    if not pix_fmt.startswith("yuv"):
        return [0] * len(av.VideoFormat(pix_fmt).components)
    bits = av.VideoFormat(pix_fmt).components[0].bits
    return [0 if color_range == FULL_RANGE else 16 << (bits - 8), 1 << (bits - 1), 1 << (bits - 1)]
