"""Turning YUV frames into RGB pixels and back, without shifting their colours."""

from dataclasses import astuple, dataclass
from functools import cache
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from augmentation_worker.media.video import swscale

KERNELS_PIX_FMT = "yuv420p"
"""The pixel format that kernels convert; swscale converts the others."""

UNSPECIFIED = 2
"""Code point for "not said" of matrix, primaries and transfer (ITU-T H.273, tables 2 to 4)."""

FULL_RANGE = 2
"""FFmpeg's AVCOL_RANGE_JPEG: 0..255 rather than 16..235."""

BT_470BG, SMPTE_170M = 5, 6
SWSCALE_MATRIX = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    BT_470BG: Colorspace.ITU601,
    SMPTE_170M: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}
"""H.273 matrix code points by swscale's names; BT.470BG and SMPTE 170M are both BT.601's."""

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
    """Converts the frames of one video; for use in one thread, as it keeps swscale's tables.

    Frames of 8-bit 4:2:0, which nearly all videos have, go through kernels that give swscale's bits in a quarter of its
    time. Where chroma lies in decoded frames (between pixels or on every other one) PyAV does not tell: swscale, which
    knows it, converts noise with the properties of the first one, and the kernels have to give the same. The frame
    itself may not tell: flat chroma looks the same wherever it lies.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._sitings: dict[tuple[int, ...], str | None] = {}

    def to_rgb(self, frame: av.VideoFrame, pixels: NDArray[np.uint8]) -> None:
        """Write a frame's colours, by the matrix and range that it is tagged with, into uint8 [3, H, W]."""
        colors = ColorTags(int(frame.colorspace), int(frame.color_range))
        if has_kernels(frame.format.name, colors, frame.height, frame.width):
            siting = self.siting_of(frame)
            if siting is not None:
                _kernels().to_rgb(*_yuv_planes(frame), pixels, _to_rgb_factors(colors), siting == swscale.LEFT)
                return
        self._scale_to_rgb(frame, pixels)

    def siting_of(self, frame: av.VideoFrame) -> str | None:
        """With which one of `swscale.SITINGS` kernels give swscale's bits for frames like this, of `has_kernels`.

        None if with none of them.
        """
        key = frame.width, frame.height, int(frame.colorspace), int(frame.color_range)
        if key not in self._sitings:
            self._sitings[key] = self._find_siting(frame)
        return self._sitings[key]

    def to_yuv(self, pixels: NDArray[np.uint8], pix_fmt: str, colors: ColorTags) -> av.VideoFrame:
        """A frame in `pix_fmt`, by the matrix and range of `colors`, from RGB uint8 [3, H, W]."""
        height, width = pixels.shape[1:]
        if has_kernels(pix_fmt, colors, height, width):
            frame = av.VideoFrame(width, height, pix_fmt)
            _kernels().to_yuv(np.ascontiguousarray(pixels), *_yuv_planes(frame), _to_yuv_factors(colors))
            # BT.470BG and SMPTE 170M are the same matrix: swscale says the latter.
            frame.colorspace = SMPTE_170M if colors.matrix == BT_470BG else colors.matrix
            frame.color_range = colors.range
            return frame
        frame = av.VideoFrame(width, height, "gbrp")
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

    def _scale_to_rgb(self, frame: av.VideoFrame, pixels: NDArray[np.uint8]) -> None:
        converted = self._reformatter.reformat(frame, format="gbrp", interpolation=int(TO_RGB), threads=1)
        for rows, channel in zip(_planes(converted), GBRP_PLANES, strict=True):
            pixels[channel] = rows

    def _find_siting(self, frame: av.VideoFrame) -> str | None:
        trial = empty_like(frame)
        noise = np.random.default_rng(0)
        for plane in trial.planes:
            np.frombuffer(memoryview(plane), np.uint8)[:] = noise.integers(0, 256, plane.buffer_size, np.uint8)
        factors = _to_rgb_factors(ColorTags(int(frame.colorspace), int(frame.color_range)))
        scaled, pixels = np.empty((2, 3, frame.height, frame.width), np.uint8)
        self._scale_to_rgb(trial, scaled)
        for siting in swscale.SITINGS:
            _kernels().to_rgb(*_yuv_planes(trial), pixels, factors, siting == swscale.LEFT)
            if np.array_equal(pixels, scaled):
                return siting
        return None


def empty_like(frame: av.VideoFrame) -> av.VideoFrame:
    """A frame of its own memory with the properties of another, those too that PyAV does not show."""
    other = "yuv422p" if frame.format.name.startswith("yuv444") else "yuv444p"
    return VideoReformatter().reformat(VideoReformatter().reformat(frame, format=other), format=frame.format.name)


def has_kernels(pix_fmt: str, colors: ColorTags, height: int, width: int) -> bool:
    """Whether kernels give swscale's bits for frames like these, between 4:2:0 video and RGB."""
    return (
        pix_fmt == KERNELS_PIX_FMT
        and swscale.has_matrix(colors.matrix)
        and height % 2 == 0
        and width % 2 == 0
        and min(height, width) >= swscale.LEAST_SIDE
    )


@cache
def _kernels() -> Any:
    from augmentation_worker.media.video import color_kernels  # noqa: PLC0415 (numba: only augment needs it)

    return color_kernels


@cache
def _to_rgb_factors(colors: ColorTags) -> NDArray[np.int32]:
    factors = swscale.yuv_to_rgb(colors.matrix, colors.range == FULL_RANGE)
    return np.array(astuple(factors), dtype=np.int32)


@cache
def _to_yuv_factors(colors: ColorTags) -> NDArray[np.int32]:
    factors = swscale.rgb_to_yuv(colors.matrix, colors.range == FULL_RANGE)
    luma, chroma = factors.y_stretch, factors.chroma_stretch
    return np.array([(*factors.y, *luma), (*factors.u, *chroma), (*factors.v, *chroma)], dtype=np.int32)


def _yuv_planes(frame: av.VideoFrame) -> list[NDArray[np.uint8]]:
    """The planes of a frame with a byte for each value, writable, their padding included.

    With it rows follow one another without a gap, and the kernels are compiled for that alone.
    """
    return [np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size) for plane in frame.planes]


def _planes(frame: av.VideoFrame) -> list[NDArray[Any]]:
    """The planes of a planar RGB frame, writable, uint8 [H, W] each."""
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, plane.line_size)[:, : frame.width]
        for plane in frame.planes
    ]
