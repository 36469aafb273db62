"""The loops of `color_kernels` for CUDA, in Triton: the same bits.

Planes have any strides, so that they may be those of NV12, where U and V alternate. Grid: tiles of columns, tiles of
rows, frames.
"""

import triton
import triton.language as tl

ROWS, COLUMNS = 8, 128
"""Pixels of a program that writes RGB."""
LUMA_TILE = 2048
CHROMA_ROWS, CHROMA_COLUMNS = 4, 64

_ONE: tl.constexpr = tl.constexpr(1 << 16)
_GREATEST: tl.constexpr = tl.constexpr((1 << 15) - 1)
_GREATEST_RGB: tl.constexpr = tl.constexpr((1 << 30) - 1)
_RGB_HALF: tl.constexpr = tl.constexpr(1 << 21)
_LUMA_HALF: tl.constexpr = tl.constexpr(0x801 << 8)
_CHROMA_HALF: tl.constexpr = tl.constexpr(0x4001 << 9)


@triton.jit
def _chroma(plane, near_row, far_row, near_column, far_column, row_stride, column_stride, inside, is_left, odd):
    """Chroma at pixels: 512 times its distance from 128, of the samples in two rows and two columns."""
    near, far = near_row * row_stride, far_row * row_stride
    at, beside = near_column * column_stride, far_column * column_stride
    near_at = tl.load(plane + near + at, mask=inside, other=0).to(tl.int32)
    near_beside = tl.load(plane + near + beside, mask=inside, other=0).to(tl.int32)
    far_at = tl.load(plane + far + at, mask=inside, other=0).to(tl.int32)
    far_beside = tl.load(plane + far + beside, mask=inside, other=0).to(tl.int32)
    if is_left:
        # An even pixel lies on its sample, an odd one half way to the next.
        at_weight, beside_weight = 128 - 64 * odd, 64 * odd
    else:
        at_weight, beside_weight = 96, 32
    near_sum = near_at * at_weight + near_beside * beside_weight
    far_sum = far_at * at_weight + far_beside * beside_weight
    return far_sum + near_sum * 3 - _ONE


@triton.jit
def _rgb(value):
    return (tl.minimum(tl.maximum(value, 0), _GREATEST_RGB) >> 22).to(tl.uint8)


@triton.jit
def to_rgb(
    y,
    u,
    v,
    pixels,
    y_frame,
    y_row,
    y_column,
    chroma_frame,
    chroma_row,
    chroma_column,
    height,
    width,
    y_factor,
    y_offset,
    v_to_r,
    v_to_g,
    u_to_g,
    u_to_b,
    is_left: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """Write pixels [N, 3, H, W]; of the planes the strides by frame, row and column."""
    frame = tl.program_id(2).to(tl.int64)
    row = tl.program_id(1) * rows + tl.arange(0, rows)[:, None]
    column = tl.program_id(0) * columns + tl.arange(0, columns)[None, :]
    inside = (row < height) & (column < width)
    odd_row, odd_column = row % 2, column % 2
    near_row, near_column = row // 2, column // 2
    far_row = tl.minimum(tl.maximum(near_row + 2 * odd_row - 1, 0), height // 2 - 1)
    beside = odd_column if is_left else 2 * odd_column - 1
    far_column = tl.minimum(tl.maximum(near_column + beside, 0), width // 2 - 1)
    luma = tl.load(y + frame * y_frame + row * y_row + column * y_column, mask=inside, other=0).to(tl.int32)
    light = (luma * 512 - y_offset) * y_factor + _RGB_HALF
    of_u = _chroma(
        u + frame * chroma_frame,
        near_row,
        far_row,
        near_column,
        far_column,
        chroma_row,
        chroma_column,
        inside,
        is_left,
        odd_column,
    )
    of_v = _chroma(
        v + frame * chroma_frame,
        near_row,
        far_row,
        near_column,
        far_column,
        chroma_row,
        chroma_column,
        inside,
        is_left,
        odd_column,
    )
    # As in swscale, sums beyond 31 bits wrap around.
    pixels += frame * 3 * height * width + row * width + column
    tl.store(pixels, _rgb(light + of_v * v_to_r), mask=inside)
    tl.store(pixels + height * width, _rgb(light + of_v * v_to_g + of_u * u_to_g), mask=inside)
    tl.store(pixels + 2 * height * width, _rgb(light + of_u * u_to_b), mask=inside)


@triton.jit
def to_luma(
    pixels,
    y,
    y_frame,
    y_row,
    y_column,
    size,
    width,
    of_red,
    of_green,
    of_blue,
    stretch,
    add,
    is_dense: tl.constexpr,
    tile: tl.constexpr,
):
    """Write Y of pixels [N, 3, size]. Grid: tiles of pixels, frames. Dense: rows follow one another without a gap."""
    frame = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * tile + tl.arange(0, tile)
    inside = pixel < size
    pixels += frame * 3 * size
    red = tl.load(pixels + pixel, mask=inside, other=0).to(tl.int32)
    green = tl.load(pixels + size + pixel, mask=inside, other=0).to(tl.int32)
    blue = tl.load(pixels + 2 * size + pixel, mask=inside, other=0).to(tl.int32)
    exact = ((red * of_red + green * of_green + blue * of_blue + _LUMA_HALF) >> 9) * 2
    stretched = tl.minimum((exact * stretch + add) >> 14, _GREATEST)
    luma = tl.minimum(tl.maximum((stretched + 64) >> 7, 0), 255).to(tl.uint8)
    if is_dense:
        tl.store(y + frame * y_frame + pixel, luma, mask=inside)
    else:
        row = pixel // width
        tl.store(y + frame * y_frame + row * y_row + (pixel - row * width) * y_column, luma, mask=inside)


@triton.jit
def _pair(pixels, place, inside):
    first = tl.load(pixels + place, mask=inside, other=0).to(tl.int32)
    return first + tl.load(pixels + place + 1, mask=inside, other=0).to(tl.int32)


@triton.jit
def _narrow(pixels, size, place, inside, of_red, of_green, of_blue, stretch, add):
    """Chroma of pairs of pixels, of 7 fractional bits."""
    red = _pair(pixels, place, inside)
    green = _pair(pixels + size, place, inside)
    blue = _pair(pixels + 2 * size, place, inside)
    exact = ((red * of_red + green * of_green + blue * of_blue + _CHROMA_HALF) >> 10) * 2
    return tl.minimum((exact * stretch + add) >> 14, _GREATEST)


@triton.jit
def to_chroma(
    pixels,
    chroma,
    chroma_frame,
    chroma_row,
    chroma_column,
    height,
    width,
    of_red,
    of_green,
    of_blue,
    stretch,
    add,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """Write U or V of pixels [N, 3, H, W]: of two columns and four rows, of which the middle two weigh three times."""
    frame = tl.program_id(2).to(tl.int64)
    row = tl.program_id(1) * rows + tl.arange(0, rows)[:, None]
    column = tl.program_id(0) * columns + tl.arange(0, columns)[None, :]
    inside = (row < height // 2) & (column < width // 2)
    size = height * width
    pixels += frame * 3 * size
    total = (row + column) * 0 + 512
    for step in tl.static_range(4):
        at_row = tl.minimum(tl.maximum(2 * row + step - 1, 0), height - 1)
        weight = 1 if step % 3 == 0 else 3
        place = at_row * width + 2 * column
        total += _narrow(pixels, size, place, inside, of_red, of_green, of_blue, stretch, add) * weight
    value = tl.minimum(tl.maximum(total >> 10, 0), 255).to(tl.uint8)
    tl.store(chroma + frame * chroma_frame + row * chroma_row + column * chroma_column, value, mask=inside)
