"""The loops of resampling on the CPU, compiled by numba; see `kernels` for why."""

import numpy as np

from augmentation_worker.transforms.cpu.kernel_target import kernel_compiler

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
_HALF_WEIGHT = np.int32(1 << (2 * WEIGHT_BITS - 1))
_FRAMES_AT_ONCE = 4
"""For which weights are computed once: more of them would not fit the cache."""

_compiled = kernel_compiler()


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
def _two_by_two(target, source, firsts, weights, down):
    """Four taps, as everywhere where nothing shrinks; written out, and with unsigned places, which is twice as fast."""
    one = np.uint64(1)
    for x in range(len(target)):
        above = firsts[x]
        below = above + down
        mixed = np.int32(np.int32(source[above]) * weights[0, x]) + _HALF_WEIGHT
        mixed += np.int32(np.int32(source[above + one]) * weights[1, x])
        mixed += np.int32(np.int32(source[below]) * weights[2, x])
        mixed += np.int32(np.int32(source[below + one]) * weights[3, x])
        target[x] = np.uint8(np.int32(mixed) >> np.int32(2 * WEIGHT_BITS))


@_compiled
def _three_by_three(target, source, firsts, weights, down):
    """Nine taps: where the result shows up to half as much again as it has pixels for."""
    one, two = np.uint64(1), np.uint64(2)
    for x in range(len(target)):
        above = firsts[x]
        middle = above + down
        below = middle + down
        mixed = np.int32(np.int32(source[above]) * weights[0, x]) + _HALF_WEIGHT
        mixed += np.int32(np.int32(source[above + one]) * weights[1, x])
        mixed += np.int32(np.int32(source[above + two]) * weights[2, x])
        mixed += np.int32(np.int32(source[middle]) * weights[3, x])
        mixed += np.int32(np.int32(source[middle + one]) * weights[4, x])
        mixed += np.int32(np.int32(source[middle + two]) * weights[5, x])
        mixed += np.int32(np.int32(source[below]) * weights[6, x])
        mixed += np.int32(np.int32(source[below + one]) * weights[7, x])
        mixed += np.int32(np.int32(source[below + two]) * weights[8, x])
        target[x] = np.uint8(np.int32(mixed) >> np.int32(2 * WEIGHT_BITS))


@_compiled
def _any_taps(target, source, firsts, weights, down, across):
    rows = len(weights) // across
    for x in range(len(target)):
        mixed, place = _HALF_WEIGHT, firsts[x]
        for j in range(rows):
            for i in range(across):
                mixed += np.int32(np.int32(source[place + np.uint64(i)]) * weights[j * across + i, x])
            place += down
        target[x] = np.uint8(np.int32(mixed) >> np.int32(2 * WEIGHT_BITS))


@_compiled
def _pad(padded, source, left, top, black):
    """Source [H, W] with more pixels around it: its border repeated, or black.

    By loops: numba copies slices ten times slower.
    """
    height, width = source.shape
    for y in range(len(padded)):
        target = padded[y]
        inside = source[min(max(y - top, 0), height - 1)]
        if black and (y < top or y >= top + height):
            target[:] = 0
            continue
        middle = target[left : left + width]
        for x in range(width):
            middle[x] = inside[x]
        for x in range(left):
            target[x] = 0 if black else inside[0]
            target[left + width + x] = 0 if black else inside[width - 1]


@_compiled
def _weigh(weights, columns, rows, column_weights, row_weights):
    """Weights [taps, width] of the taps around each place of a row: products of those across and down."""
    across, fraction = column_weights.shape[1], np.int32((1 << PLACE_BITS) - 1)
    for tap in range(len(weights)):
        i, j, of_tap = tap % across, tap // across, weights[tap]
        for x in range(len(of_tap)):
            of_tap[x] = column_weights[columns[x] & fraction, i] * row_weights[rows[x] & fraction, j]


@_compiled
def resample(frames, result, columns, rows, column_weights, row_weights, black):
    """The weighted mean of the source pixels around each place; frames [N, C, H, W].

    columns, rows [H, W] int32: the first of these pixels, in 1/256 of a pixel; the fraction chooses the weights
    [256, taps] int32, which sum to 2048. What lies outside is black, or the border repeated: as many pixels of that as
    there are taps are put around the source, and places farther away see the same.
    """
    count, channels, height, width = frames.shape
    across, down = column_weights.shape[1], row_weights.shape[1]
    row_length = width + 2 * across
    padded = np.empty((min(count, _FRAMES_AT_ONCE), channels, height + 2 * down, row_length), np.uint8)
    firsts = np.empty(width, np.uint64)
    weights = np.empty((down * across, width), np.int32)
    for start in range(0, count, _FRAMES_AT_ONCE):
        held = min(count - start, _FRAMES_AT_ONCE)
        for index in range(held):
            for channel in range(channels):
                _pad(padded[index, channel], frames[start + index, channel], across, down, black)
        for y in range(height):
            for x in range(width):
                column = min(max(columns[y, x] >> np.int32(PLACE_BITS), -across), width) + across
                row = min(max(rows[y, x] >> np.int32(PLACE_BITS), -down), height) + down
                firsts[x] = np.uint64(row * row_length + column)
            _weigh(weights, columns[y], rows[y], column_weights, row_weights)
            for index in range(held):
                for channel in range(channels):
                    target, source = result[start + index, channel, y], padded[index, channel].reshape(-1)
                    if across == 2 and down == 2:
                        _two_by_two(target, source, firsts, weights, np.uint64(row_length))
                    elif across == 3 and down == 3:
                        _three_by_three(target, source, firsts, weights, np.uint64(row_length))
                    else:
                        _any_taps(target, source, firsts, weights, np.uint64(row_length), across)


@_compiled
def _mix_pixels(mixed, source, firsts, weights):
    """Sums, int32, of the pixels of a source row around each place of a row: what `resample` weighs across."""
    one = np.uint64(1)
    for x in range(len(mixed)):
        first = firsts[x]
        mixed[x] = np.int32(source[first]) * weights[0, x] + np.int32(source[first + one]) * weights[1, x]
    for i in range(2, len(weights)):
        of_tap, add = weights[i], np.uint64(i)
        for x in range(len(mixed)):
            mixed[x] = np.int32(mixed[x] + np.int32(source[firsts[x] + add]) * of_tap[x])


@_compiled
def _mix_two_rows(target, above, below, weight_above, weight_below):
    for x in range(len(target)):
        mixed = np.int32(np.int32(above[x] * weight_above) + np.int32(below[x] * weight_below))
        target[x] = np.uint8(np.int32(mixed + _HALF_WEIGHT) >> np.int32(2 * WEIGHT_BITS))


@_compiled
def _mix_rows(target, total, held, row, weights):
    for x in range(len(total)):
        total[x] = _HALF_WEIGHT
    for j in range(len(weights)):
        mixed, weight = held[(row + j) % len(held)], weights[j]
        for x in range(len(total)):
            total[x] = np.int32(total[x] + np.int32(mixed[x] * weight))
    for x in range(len(target)):
        target[x] = np.uint8(total[x] >> np.int32(2 * WEIGHT_BITS))


@_compiled
def resample_along_axes(frames, result, columns, rows, column_weights, row_weights, black):
    """`resample` where all pixels of a column of the result lie in one column of the source, and of a row in one row.

    columns [W], rows [H] int32, ascending. Each row of the source is weighed across once, then rows are weighed: the
    same sums.
    """
    count, channels, height, width = frames.shape
    across, down = column_weights.shape[1], row_weights.shape[1]
    fraction = np.int32((1 << PLACE_BITS) - 1)
    padded = np.empty((height + 2 * down, width + 2 * across), np.uint8)
    firsts, weights = np.empty(width, np.uint64), np.empty((across, width), np.int32)
    for x in range(width):
        firsts[x] = np.uint64(min(max(columns[x] >> np.int32(PLACE_BITS), -across), width) + across)
        for i in range(across):
            weights[i, x] = column_weights[columns[x] & fraction, i]
    held, total = np.empty((down, width), np.int32), np.empty(width, np.int32)
    held_rows = np.empty(down, np.int64)
    for index in range(count):
        for channel in range(channels):
            _pad(padded, frames[index, channel], across, down, black)
            held_rows[:] = -1
            for y in range(height):
                row = np.int64(min(max(rows[y] >> np.int32(PLACE_BITS), -down), height) + down)
                for j in range(down):
                    place = (row + j) % down
                    if held_rows[place] != row + j:
                        held_rows[place] = row + j
                        _mix_pixels(held[place], padded[row + j], firsts, weights)
                of_row, target = row_weights[rows[y] & fraction], result[index, channel, y]
                if down == 2:
                    above, below = held[row % 2], held[(row + 1) % 2]
                    _mix_two_rows(target, above, below, of_row[0], of_row[1])
                else:
                    _mix_rows(target, total, held, row, of_row)
