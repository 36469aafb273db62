"""The loops of resampling on the CPU, compiled by numba when a machine first uses them; see `kernels` for why."""

import numba
import numpy as np

PLACE_BITS = 8
"""Places in the source are counted in 1/256 of a pixel."""
WEIGHT_BITS = 11
"""Weights of source pixels sum to 2048 in each direction: with a value they fit 30 bits."""
LEAST_DEPTH_BITS = 22
"""A divisor of a homography is at least 1/1024: nothing lies behind the camera."""
FARTHEST = 1 << 28
"""Places are kept this near to the frame, so that they fit 32 bits; nothing is there."""
_PLACE_SHIFT = np.int64(32 - PLACE_BITS)
_HALF_PLACE = np.int64(1 << (32 - PLACE_BITS - 1))

_compiled = numba.njit(nogil=True, cache=True)


@_compiled
def locate(columns, rows, matrix, add_column, add_row):
    """Where in the source each pixel lies, in 1/256 of a pixel plus what is to be added; [H, W] int32 both.

    matrix [9] int64: a homography. One without perspective has 2**32 for all its divisors.
    """
    height, width = columns.shape
    for y in range(height):
        column = np.int64(matrix[1] * y + matrix[2])
        row = np.int64(matrix[4] * y + matrix[5])
        depth = np.int64(matrix[7] * y + matrix[8])
        if matrix[6] == 0 and matrix[7] == 0:
            for x in range(width):
                at_column = ((column + matrix[0] * x) + _HALF_PLACE) >> _PLACE_SHIFT
                at_row = ((row + matrix[3] * x) + _HALF_PLACE) >> _PLACE_SHIFT
                columns[y, x] = np.int32(min(max(at_column, -FARTHEST), FARTHEST) + add_column)
                rows[y, x] = np.int32(min(max(at_row, -FARTHEST), FARTHEST) + add_row)
        else:
            for x in range(width):
                divisor = max(depth + matrix[6] * x, np.int64(1 << LEAST_DEPTH_BITS))
                half = divisor >> np.int64(1)
                at_column = (((column + matrix[0] * x) << np.int64(PLACE_BITS)) + half) // divisor
                at_row = (((row + matrix[3] * x) << np.int64(PLACE_BITS)) + half) // divisor
                columns[y, x] = np.int32(min(max(at_column, -FARTHEST), FARTHEST) + add_column)
                rows[y, x] = np.int32(min(max(at_row, -FARTHEST), FARTHEST) + add_row)


@_compiled
def _two(source, place, of_column, x):
    return np.int32(source[place]) * of_column[x, 0] + np.int32(source[place + 1]) * of_column[x, 1]


@_compiled
def _three(source, place, of_column, x):
    return np.int32(_two(source, place, of_column, x) + np.int32(source[place + 2]) * of_column[x, 2])


@_compiled
def _resample_inside(target, source, firsts, of_column, of_row, width):
    """A row of the result from source [H * W]; firsts: the place of each pixel's first tap; weights [width, taps].

    The usual numbers of taps are written out, which is twice as fast: 2 where nothing shrinks, 3 down to 2/3.
    """
    across, down = of_column.shape[1], of_row.shape[1]
    half = np.int32(1 << (2 * WEIGHT_BITS - 1))
    if across == 2 and down == 2:
        for x in range(len(target)):
            place = firsts[x]
            mixed = np.int32(_two(source, place, of_column, x) * of_row[x, 0] + half)
            mixed = np.int32(mixed + _two(source, place + width, of_column, x) * of_row[x, 1])
            target[x] = np.uint8(mixed >> np.int32(2 * WEIGHT_BITS))
    elif across == 3 and down == 3:
        for x in range(len(target)):
            place = firsts[x]
            mixed = np.int32(_three(source, place, of_column, x) * of_row[x, 0] + half)
            mixed = np.int32(mixed + _three(source, place + width, of_column, x) * of_row[x, 1])
            mixed = np.int32(mixed + _three(source, place + 2 * width, of_column, x) * of_row[x, 2])
            target[x] = np.uint8(mixed >> np.int32(2 * WEIGHT_BITS))
    else:
        for x in range(len(target)):
            mixed, place = half, firsts[x]
            for j in range(down):
                of_this = np.int32(0)
                for i in range(across):
                    of_this = np.int32(of_this + np.int32(source[place + i]) * of_column[x, i])
                mixed = np.int32(mixed + np.int32(of_this * of_row[x, j]))
                place += width
            target[x] = np.uint8(mixed >> np.int32(2 * WEIGHT_BITS))


@_compiled
def _resample_at_border(source, column, row, of_column, of_row, black):
    """One pixel of the result from source [H, W], of which some taps lie outside."""
    height, width = source.shape
    mixed = np.int32(1 << (2 * WEIGHT_BITS - 1))
    for j in range(len(of_row)):
        y = row + j
        if black and (y < 0 or y >= height):
            continue
        y = min(max(y, 0), height - 1)
        for i in range(len(of_column)):
            x = column + i
            if black and (x < 0 or x >= width):
                continue
            value = np.int32(source[y, min(max(x, 0), width - 1)])
            mixed = np.int32(mixed + np.int32(np.int32(value * of_column[i]) * of_row[j]))
    return np.uint8(np.int32(mixed) >> np.int32(2 * WEIGHT_BITS))


@_compiled
def resample(frames, result, columns, rows, column_weights, row_weights, black):
    """The weighted mean of the source pixels around each place; frames [N, C, H, W].

    columns, rows [H, W] int32: the first of these pixels, in 1/256 of a pixel; the fraction chooses the weights
    [256, taps] int32, which sum to 2048. What lies outside is black, or the border repeated.
    """
    count, channels, height, width = frames.shape
    across, down = column_weights.shape[1], row_weights.shape[1]
    fraction = np.int32((1 << PLACE_BITS) - 1)
    firsts = np.empty(width, np.int64)
    outside = np.empty(width, np.int64)
    of_column = np.empty((width, across), np.int32)
    of_row = np.empty((width, down), np.int32)
    for y in range(height):
        many = 0
        for x in range(width):
            column, row = columns[y, x] >> np.int32(PLACE_BITS), rows[y, x] >> np.int32(PLACE_BITS)
            for i in range(across):
                of_column[x, i] = column_weights[columns[y, x] & fraction, i]
            for j in range(down):
                of_row[x, j] = row_weights[rows[y, x] & fraction, j]
            if 0 <= column <= width - across and 0 <= row <= height - down:
                firsts[x] = row * width + column
            else:
                firsts[x] = 0
                outside[many] = x
                many += 1
        for index in range(count):
            for channel in range(channels):
                source, target = frames[index, channel], result[index, channel, y]
                if across <= width and down <= height:
                    _resample_inside(target, source.reshape(height * width), firsts, of_column, of_row, width)
                for k in range(many):
                    x = outside[k]
                    column, row = columns[y, x] >> np.int32(PLACE_BITS), rows[y, x] >> np.int32(PLACE_BITS)
                    target[x] = _resample_at_border(source, column, row, of_column[x], of_row[x], black)
