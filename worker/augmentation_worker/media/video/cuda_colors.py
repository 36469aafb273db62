"""Conversion between RGB and 8-bit 4:2:0 video on a GPU, with the bits that `ColorConverter` gives on the CPU."""

import torch
import triton

from augmentation_worker.media.video import cuda_color_kernels as kernels
from augmentation_worker.media.video import swscale
from augmentation_worker.media.video.colors import FULL_RANGE, ColorTags, has_kernels

SITINGS = swscale.SITINGS
"""Where chroma lies in the frames of a decoder, which PyAV does not tell."""
NV12 = "nv12"
_Strides = tuple[int, int, int]


def supports(pix_fmt: str, colors: ColorTags, height: int, width: int) -> bool:
    """Whether frames like these are converted here; else by swscale on the CPU."""
    return has_kernels("yuv420p" if pix_fmt == NV12 else pix_fmt, colors, height, width)


def yuv_to_rgb(
    y: torch.Tensor,
    u: torch.Tensor,
    v: torch.Tensor,
    colors: ColorTags,
    out: torch.Tensor | None = None,
    siting: str = swscale.CENTER,
) -> torch.Tensor:
    """RGB of planes, launched on the current stream.

    Args:
        y: uint8 [N, H, W].
        u, v: uint8 [N, H / 2, W / 2]; all planes with any strides, those of u and v the same.
        colors: the matrix and the range.
        out: uint8 [N, 3, H, W], contiguous, to be written; default: a new one.
        siting: one of SITINGS.
    """
    count, height, width = y.shape
    pixels = torch.empty((count, 3, height, width), dtype=torch.uint8, device=y.device) if out is None else out
    factors = swscale.yuv_to_rgb(colors.matrix, colors.range == FULL_RANGE)
    grid = (triton.cdiv(width, kernels.COLUMNS), triton.cdiv(height, kernels.ROWS), count)
    kernels.to_rgb[grid](
        y,
        u,
        v,
        pixels,
        *_strides(y),
        *_strides(u, v),
        height,
        width,
        factors.y_factor,
        factors.y_offset,
        factors.v_to_r,
        factors.v_to_g,
        factors.u_to_g,
        factors.u_to_b,
        is_left=siting == swscale.LEFT,
        rows=kernels.ROWS,
        columns=kernels.COLUMNS,
    )
    return pixels


def rgb_to_yuv(frames: torch.Tensor, colors: ColorTags, y: torch.Tensor, u: torch.Tensor, v: torch.Tensor) -> None:
    """Write the planes of frames, launched on the current stream; chroma lies between the pixels, as encoders take it.

    Args:
        frames: uint8 [N, 3, H, W], contiguous.
        colors: the matrix and the range.
        y, u, v: as of `yuv_to_rgb`.
    """
    count, _, height, width = frames.shape
    factors = swscale.rgb_to_yuv(colors.matrix, colors.range == FULL_RANGE)
    chroma_strides = _strides(u, v)
    is_semiplanar = chroma_strides[2] == 2 and v.data_ptr() == u.data_ptr() + 1
    run = min(kernels.WIDEST_RUN, width & -width)
    blocks = width // run * triton.cdiv(height // 2, kernels.CHROMA_ROWS)
    kernels.to_yuv[(triton.cdiv(blocks, kernels.THREADS), count)](
        frames,
        y,
        u,
        v,
        *_strides(y),
        *chroma_strides,
        height,
        width,
        factors.y,
        factors.u,
        factors.v,
        *factors.y_stretch,
        *factors.chroma_stretch,
        is_stretched=colors.range == FULL_RANGE,
        is_semiplanar=is_semiplanar,
        rows=kernels.CHROMA_ROWS,
        run=run,
        threads=kernels.THREADS,
        plain=triton.knobs.runtime.interpret,
    )


def _strides(*planes: torch.Tensor) -> _Strides:
    """Values from a frame, a row and a column of the planes to the next; ValueError if they differ."""
    frame, row, column = planes[0].stride()
    if any(plane.stride() != (frame, row, column) for plane in planes):
        raise ValueError(f"planes of chroma have the same strides, not {[plane.stride() for plane in planes]}")
    return frame, row, column
