"""Turning YUV frames into RGB pixels and back, without shifting their colours."""

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

UNSPECIFIED = 2
"""Code point for "not said" of matrix, primaries and transfer (ITU-T H.273, tables 2 to 4)."""

FULL_RANGE = 2
"""FFmpeg's AVCOL_RANGE_JPEG: 0..255 rather than 16..235."""

SWSCALE_MATRIX = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}
"""H.273 matrix code points by swscale's names; BT.470BG (5) and SMPTE 170M (6) are both BT.601's."""

TO_YUV = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
TO_RGB = TO_YUV | Interpolation.FULL_CHR_H_INT
"""Exact conversion. swscale's default for RGB, which is what readers of LeRobot's videos use, is faster but truncates:
it is darker by 1.0 to 1.5 levels of 255 on average. A reader does that to originals and copies alike; if it were done
here too, every copy would be darker than its original and its statistics with it. Exact, the mean error of a round
trip is below 0.1 level. Bit exact, the pixels are the same whatever the CPU's instructions."""

GBRP_PLANES = (1, 2, 0)
"""Index of the RGB channel in each plane of FFmpeg's planar RGB."""


@dataclass(frozen=True)
class ColorTags:
    """How YUV is to be turned into RGB, as code points of ITU-T H.273 and FFmpeg's range.

    LeRobot writes its videos untagged; they are BT.601 of limited range, which is what swscale, and with it every
    reader of LeRobot, takes for untagged.

    Attributes:
        matrix: coefficients of the YUV matrix; 2 is unspecified.
        range: 0 unspecified, 1 limited, 2 full.
        primaries: chromaticities; 2 is unspecified.
        transfer: transfer characteristic; 2 is unspecified.
    """

    matrix: int = UNSPECIFIED
    range: int = 0
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED


class ColorConverter:
    """Converts the frames of one video; for use in one thread, as it keeps swscale's tables."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def to_rgb(self, frame: av.VideoFrame, pixels: NDArray[np.uint8]) -> None:
        """Write a frame's colours, by the matrix and range that it is tagged with, into uint8 [3, H, W]."""
        converted = self._reformatter.reformat(frame, format="gbrp", interpolation=int(TO_RGB), threads=1)
        for rows, channel in zip(_planes(converted), GBRP_PLANES, strict=True):
            pixels[channel] = rows

    def to_yuv(self, pixels: NDArray[np.uint8], pix_fmt: str, colors: ColorTags) -> av.VideoFrame:
        """A frame in `pix_fmt`, by the matrix and range of `colors`, from RGB uint8 [3, H, W]."""
        frame = av.VideoFrame(pixels.shape[2], pixels.shape[1], "gbrp")
        for rows, channel in zip(_planes(frame), GBRP_PLANES, strict=True):
            rows[:] = pixels[channel]
        return self._reformatter.reformat(
            frame,
            format=pix_fmt,
            dst_colorspace=SWSCALE_MATRIX.get(colors.matrix),
            dst_color_range=colors.range,
            interpolation=int(TO_YUV),
            threads=1,
        )


def _planes(frame: av.VideoFrame) -> list[NDArray[Any]]:
    """The planes of a planar RGB frame, writable, uint8 [H, W] each."""
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, plane.line_size)[:, : frame.width]
        for plane in frame.planes
    ]
