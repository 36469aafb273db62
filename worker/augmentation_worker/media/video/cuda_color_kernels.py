"""The loops of `color_kernels` for CUDA, in Triton: the same bits.

Planes have any strides, so that they may be those of NV12, where U and V alternate. Grid: tiles of columns, tiles of
rows, frames; of `to_yuv` another.
"""

import triton
import triton.language as tl

from augmentation_worker.transforms.cuda.packed_byte_kernels import saturate

ROWS, COLUMNS = 8, 128
"""Pixels of a program that writes RGB."""
CHROMA_ROWS, THREADS, WIDEST_RUN = 4, 128, 16
"""Rows of chroma and columns of pixels of a thread that reads RGB, and its threads."""

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
def _stretch(value, factor, add, is_stretched: tl.constexpr):
    """Values of 7 fractional bits, stretched to the full range if it is that."""
    if is_stretched:
        return tl.minimum((value * factor + add) >> 14, _GREATEST)
    return value


@triton.jit
def _narrow(red, green, blue, factors, stretch, add, is_stretched: tl.constexpr):
    """Chroma of the sums of two pixels, of 7 fractional bits."""
    exact = ((red * factors[0] + green * factors[1] + blue * factors[2] + _CHROMA_HALF) >> 10) * 2
    return _stretch(exact, stretch, add, is_stretched)


@triton.jit
def _pairs(values, run: tl.constexpr, threads: tl.constexpr):
    """Sums of two neighbours, int32 [run / 2, threads]."""
    left, right = tl.split(tl.permute(tl.reshape(values, [run // 2, 2, threads]), 0, 2, 1))
    return left + right


@triton.jit
def _weigh(first, second, third, fourth, plain: tl.constexpr):
    """Chroma uint8 of four rows, of which the middle two weigh three times."""
    return saturate((first + fourth + (second + third) * 3 + 512) >> 10, plain)


@triton.jit
def to_yuv(
    pixels,
    y,
    u,
    v,
    y_frame,
    y_row,
    y_column,
    chroma_frame,
    chroma_row,
    chroma_column,
    height,
    width,
    y_factors,
    u_factors,
    v_factors,
    y_stretch,
    y_add,
    chroma_stretch,
    chroma_add,
    is_stretched: tl.constexpr,
    is_semiplanar: tl.constexpr,
    rows: tl.constexpr,
    run: tl.constexpr,
    threads: tl.constexpr,
    plain: tl.constexpr,
):
    """Write Y, U and V of pixels [N, 3, H, W]; of the planes the strides by frame, row and column.

    A thread makes `rows` rows of chroma, of `run` neighbouring columns of pixels: it reads each row of pixels once, and
    one above and below. Grid: tiles of `threads` such blocks, frames.

    Args:
        is_stretched: whether the range is full.
        is_semiplanar: V lies behind U, value by value, as in NV12.
        plain: as of `transforms.cuda.value_kernels`.
    """
    frame = tl.program_id(1).to(tl.int64)
    block = tl.program_id(0) * threads + tl.arange(0, threads)[None, :]
    in_row = width // run
    band = block // in_row
    column = (block - band * in_row) * run
    first = band * (2 * rows)
    across, half_across = tl.arange(0, run)[:, None], tl.arange(0, run // 2)[:, None]
    size = height * width
    pixels += frame * 3 * size + column + across
    y += frame * y_frame + (column + across) * y_column
    u += frame * chroma_frame
    v += frame * chroma_frame
    u_above, u_near, u_last = half_across + block * 0, half_across + block * 0, half_across + block * 0
    v_above, v_near, v_last = u_above, u_near, u_last
    for step in tl.static_range(2 * rows + 2):
        row = first + step - 1
        place = tl.minimum(tl.maximum(row, 0), height - 1) * width
        red = tl.load(pixels + place, mask=first < height).to(tl.int32)
        green = tl.load(pixels + size + place, mask=first < height).to(tl.int32)
        blue = tl.load(pixels + 2 * size + place, mask=first < height).to(tl.int32)
        if step > 0 and step <= 2 * rows:
            exact = ((red * y_factors[0] + green * y_factors[1] + blue * y_factors[2] + _LUMA_HALF) >> 9) * 2
            luma = saturate((_stretch(exact, y_stretch, y_add, is_stretched) + 64) >> 7, plain)
            tl.store(y + row * y_row, luma, mask=row < height)
        reds, greens, blues = _pairs(red, run, threads), _pairs(green, run, threads), _pairs(blue, run, threads)
        of_u = _narrow(reds, greens, blues, u_factors, chroma_stretch, chroma_add, is_stretched)
        of_v = _narrow(reds, greens, blues, v_factors, chroma_stretch, chroma_add, is_stretched)
        if step >= 3 and step % 2 == 1:
            chroma_at = band * rows + (step - 3) // 2
            made_u = _weigh(u_above, u_near, u_last, of_u, plain)
            made_v = _weigh(v_above, v_near, v_last, of_v, plain)
            if is_semiplanar:
                both = tl.reshape(tl.permute(tl.join(made_u, made_v), 0, 2, 1), [run, threads])
                tl.store(u + chroma_at * chroma_row + column + across, both, mask=chroma_at < height // 2)
            else:
                chroma_place = chroma_at * chroma_row + (column // 2 + half_across) * chroma_column
                tl.store(u + chroma_place, made_u, mask=chroma_at < height // 2)
                tl.store(v + chroma_place, made_v, mask=chroma_at < height // 2)
        u_above, u_near, u_last = u_near, u_last, of_u
        v_above, v_near, v_last = v_near, v_last, of_v
