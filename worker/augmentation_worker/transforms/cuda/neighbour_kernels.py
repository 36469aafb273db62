"""Kernels for transforms that read the pixels around a pixel: blur, sharpness and resampling by a homography.

Integers only, as on the CPU: see `transforms.cpu.kernels` and `cpu.resampler_kernels`, whose results these are.
Frames are uint8 [images, height, width], an image a channel of a frame. Grid: tiles of rows x 4 pixels, images.
Loops are spelled with `while`: Triton 3.6's interpreter takes no bounds from memory in `range` with numpy 2.4.
"""

import triton
import triton.language as tl

from augmentation_worker.transforms.cpu import blur_kernels, kernels, resampler_kernels

WIDTH: tl.constexpr = tl.constexpr(4)
"""Neighbouring pixels of a thread, stored at once; what they read is not aligned, and mostly comes from the cache."""
_RECIPROCAL_BITS: tl.constexpr = tl.constexpr(blur_kernels.RECIPROCAL_BITS)
_RECIPROCAL_HALF: tl.constexpr = tl.constexpr(1 << (blur_kernels.RECIPROCAL_BITS - 1))
_SUMS_BITS: tl.constexpr = tl.constexpr(2 * blur_kernels.KERNEL_BITS)
_SUMS_HALF: tl.constexpr = tl.constexpr(1 << (2 * blur_kernels.KERNEL_BITS - 1))
_SHARPNESS_ONE: tl.constexpr = tl.constexpr(13 << kernels.SHARPNESS_BITS)
_SHARPNESS_HALF: tl.constexpr = tl.constexpr(13 << (kernels.SHARPNESS_BITS - 1))
_PLACE_BITS: tl.constexpr = tl.constexpr(resampler_kernels.PLACE_BITS)
_PLACE_FRACTION: tl.constexpr = tl.constexpr((1 << resampler_kernels.PLACE_BITS) - 1)
_WEIGHTS_BITS: tl.constexpr = tl.constexpr(2 * resampler_kernels.WEIGHT_BITS)
_WEIGHTS_HALF: tl.constexpr = tl.constexpr(1 << (2 * resampler_kernels.WEIGHT_BITS - 1))
_LEAST_DEPTH: tl.constexpr = tl.constexpr(1 << resampler_kernels.LEAST_DEPTH_BITS)
_FARTHEST: tl.constexpr = tl.constexpr(resampler_kernels.FARTHEST)


@triton.jit
def _tile(height, width, rows: tl.constexpr):
    """Number of each pixel of the tile in its image, its row and column, and whether there is one."""
    pixel = (tl.program_id(0) * rows + tl.arange(0, rows)[:, None]) * WIDTH + tl.arange(0, WIDTH)[None, :]
    row = pixel // width
    return pixel, row, pixel - row * width, pixel < height * width


@triton.jit
def _near(place, length):
    return tl.minimum(tl.maximum(place, 0), length - 1)


@triton.jit(do_not_specialize=["count", "reciprocal"])
def average_along(source, target, taps, count, reciprocal, height, width, rows: tl.constexpr):
    """The mean of the pixels at `count` offsets, taps int32 [count, 2] of rows and columns, the border repeated."""
    pixel, row, column, inside = _tile(height, width, rows)
    image = tl.program_id(1).to(tl.int64) * height * width
    total = pixel * 0
    tap = 0
    while tap < count:
        at_row = _near(row + tl.load(taps + 2 * tap), height)
        at_column = _near(column + tl.load(taps + 2 * tap + 1), width)
        total += tl.load(source + image + at_row * width + at_column, mask=inside, other=0).to(tl.int32)
        tap += 1
    mean = (total.to(tl.uint32) * reciprocal.to(tl.uint32) + _RECIPROCAL_HALF) >> _RECIPROCAL_BITS
    tl.store(target + image + pixel, mean.to(tl.uint8), mask=inside)


@triton.jit(do_not_specialize=["reach"])
def weigh_columns(source, sums, weights, reach, height, width, rows: tl.constexpr):
    """Sums uint16 of the pixels left and right of each, times weights int32 [reach + 1] by distance."""
    pixel, row, column, inside = _tile(height, width, rows)
    source += tl.program_id(1).to(tl.int64) * height * width + row * width
    total = tl.load(source + column, mask=inside, other=0).to(tl.int32) * tl.load(weights)
    step = 1
    while step <= reach:
        left = tl.load(source + _near(column - step, width), mask=inside, other=0).to(tl.int32)
        right = tl.load(source + _near(column + step, width), mask=inside, other=0).to(tl.int32)
        total += (left + right) * tl.load(weights + step)
        step += 1
    tl.store(sums + tl.program_id(1).to(tl.int64) * height * width + pixel, total.to(tl.uint16), mask=inside)


@triton.jit
def _word(words, row_start, column, in_row, inside):
    """Four pixels as a word, uint32; left and right of the row its first and its last pixel, repeated."""
    word = tl.load(words + row_start + _near(column, in_row), mask=inside, other=0).to(tl.uint32, bitcast=True)
    word = tl.where(column < 0, (word & 0xFF) * 0x01010101, word)
    return tl.where(column >= in_row, (word >> 24) * 0x01010101, word)


@triton.jit(do_not_specialize=["reach"])
def weigh_columns_in_words(words, sums, weights, reach, height, in_row, tile: tl.constexpr):
    """As `weigh_columns`, of rows of `in_row` words of four pixels: int32 words, and int32 sums of two pixels each.

    Two of the four are summed in the halves of a register, which hold them: the weights' sum is 256. The weights are
    filled up with zeros to fours after the first, which are as many pixels as the next word has.
    """
    number = tl.program_id(0) * tile + tl.arange(0, tile)
    row = number // in_row
    column = number - row * in_row
    inside = number < height * in_row
    image = tl.program_id(1).to(tl.int64) * height * in_row
    words += image
    left = _word(words, row * in_row, column, in_row, inside)
    right = left
    weight = tl.load(weights).to(tl.uint32)
    even, odd = (left & 0x00FF00FF) * weight, ((left >> 8) & 0x00FF00FF) * weight
    step = 0
    while step < reach:
        far_left = _word(words, row * in_row, column - step // 4 - 1, in_row, inside)
        far_right = _word(words, row * in_row, column + step // 4 + 1, in_row, inside)
        for tap in tl.static_range(1, 5):
            if tap < 4:
                at_left = (far_left >> (8 * (4 - tap))) | (left << (8 * tap))
                at_right = (right >> (8 * tap)) | (far_right << (8 * (4 - tap)))
            else:
                at_left, at_right = far_left, far_right
            weight = tl.load(weights + step + tap).to(tl.uint32)
            even += ((at_left & 0x00FF00FF) + (at_right & 0x00FF00FF)) * weight
            odd += (((at_left >> 8) & 0x00FF00FF) + ((at_right >> 8) & 0x00FF00FF)) * weight
        left, right = far_left, far_right
        step += 4
    first, second = (even & 0xFFFF) | (odd << 16), (even >> 16) | (odd & 0xFFFF0000)
    place = (image + number)[:, None] * 2 + tl.arange(0, 2)[None, :]
    tl.store(sums + place, tl.join(first, second).to(tl.int32, bitcast=True), mask=inside[:, None])


@triton.jit(do_not_specialize=["reach"])
def weigh_rows(sums, target, weights, reach, height, width, rows: tl.constexpr):
    """The pixels of which `weigh_columns` made sums, weighed by the rows above and below in the same way."""
    pixel, row, column, inside = _tile(height, width, rows)
    image = tl.program_id(1).to(tl.int64) * height * width
    sums += image + column
    total = tl.load(sums + row * width, mask=inside, other=0).to(tl.int32) * tl.load(weights)
    step = 1
    while step <= reach:
        above = tl.load(sums + _near(row - step, height) * width, mask=inside, other=0).to(tl.int32)
        below = tl.load(sums + _near(row + step, height) * width, mask=inside, other=0).to(tl.int32)
        total += (above + below) * tl.load(weights + step)
        step += 1
    mean = (total + _SUMS_HALF) >> _SUMS_BITS
    tl.store(target + image + pixel, mean.to(tl.uint8), mask=inside)


@triton.jit(do_not_specialize=["gain"])
def sharpen(source, target, gain, height, width, rows: tl.constexpr):
    """The pixels plus gain / 65536 times what distinguishes them from the 3x3 pixels around; the border stays."""
    pixel, row, column, inside = _tile(height, width, rows)
    source += tl.program_id(1).to(tl.int64) * height * width
    middle = tl.load(source + pixel, mask=inside, other=0).to(tl.int32)
    inner = inside & (row > 0) & (row < height - 1) & (column > 0) & (column < width - 1)
    square = middle * 0
    for down in tl.static_range(3):
        for across in tl.static_range(3):
            beside = source + pixel + (down - 1) * width + (across - 1)
            square += tl.load(beside, mask=inner, other=0).to(tl.int32)
    exact = middle * _SHARPNESS_ONE + gain * (9 * middle - square)
    rounded = tl.maximum(exact, 0).to(tl.uint32) + _SHARPNESS_HALF
    sharpened = tl.minimum(rounded // _SHARPNESS_ONE, 255).to(tl.int32)
    image = tl.program_id(1).to(tl.int64) * height * width
    tl.store(target + image + pixel, tl.where(inner, sharpened, middle).to(tl.uint8), mask=inside)


@triton.jit
def _divide_down(dividend, divisor):
    """The quotient rounded down; the divisor is positive. Spelled out, as integer division rounds to zero on a GPU."""
    negative = dividend < 0
    magnitude = tl.where(negative, divisor - 1 - dividend, dividend) // divisor
    return tl.where(negative, -magnitude, magnitude)


@triton.jit
def _place(matrix, x, y, depth, reach):
    """Where in the source pixels lie along one axis, in 1/256 of a pixel: the first that the tent reaches."""
    scaled = (tl.load(matrix) * x + tl.load(matrix + 1) * y + tl.load(matrix + 2)) << _PLACE_BITS
    place = _divide_down(scaled + (depth >> 1), depth)
    return (tl.minimum(tl.maximum(place, -_FARTHEST), _FARTHEST) + (_PLACE_FRACTION + 1 - reach)).to(tl.int32)


@triton.jit(do_not_specialize=["reach_x", "reach_y", "images"])
def resample(
    source,
    target,
    matrix,
    weights_x,
    weights_y,
    reach_x,
    reach_y,
    images,
    height,
    width,
    taps_x: tl.constexpr,
    taps_y: tl.constexpr,
    black: tl.constexpr,
    per_program: tl.constexpr,
    rows: tl.constexpr,
):
    """The weighted mean of the source pixels around the place that each pixel shows.

    Places and weights of a tile are computed once for per_program images. Second axis of the grid: so many images each.

    Args:
        matrix: int64 [9], a homography; 2**32 is one.
        weights_x, weights_y: tents int32 [256, taps_x] and [256, taps_y], whose rows sum to 2048.
        reach_x, reach_y: half widths of the tents in 1/256 of a pixel.
        images: in all.
        black: whether what lies outside of the source is black; else its border is repeated.
    """
    pixel, row, column, inside = _tile(height, width, rows)
    x, y = column.to(tl.int64), row.to(tl.int64)
    depth = tl.load(matrix + 6) * x + tl.load(matrix + 7) * y + tl.load(matrix + 8)
    depth = tl.maximum(depth, _LEAST_DEPTH)
    place_x, place_y = _place(matrix, x, y, depth, reach_x), _place(matrix + 3, x, y, depth, reach_y)
    first_x, first_y = place_x >> _PLACE_BITS, place_y >> _PLACE_BITS
    weights_x += (place_x & _PLACE_FRACTION) * taps_x
    weights_y += (place_y & _PLACE_FRACTION) * taps_y
    image = tl.program_id(1) * per_program
    last = tl.minimum(image + per_program, images)
    while image < last:
        at_image = image.to(tl.int64) * height * width
        total = pixel * 0 + _WEIGHTS_HALF
        for down in tl.static_range(taps_y):
            at_row = first_y + down
            weight_y = tl.load(weights_y + down)
            for across in tl.static_range(taps_x):
                at_column = first_x + across
                weight = weight_y * tl.load(weights_x + across)
                shown = inside
                if black:
                    shown = inside & (at_row >= 0) & (at_row < height) & (at_column >= 0) & (at_column < width)
                place = _near(at_row, height) * width + _near(at_column, width)
                total += weight * tl.load(source + at_image + place, mask=shown, other=0).to(tl.int32)
        tl.store(target + at_image + pixel, (total >> _WEIGHTS_BITS).to(tl.uint8), mask=inside)
        image += 1
