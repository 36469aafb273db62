"""The loops of blur on the CPU, compiled by numba; see `kernels` for why.

Sums of 64 pixels stay in registers while all their neighbours are added. Of two loops LLVM makes vectors of the inner
one, and each neighbour then takes all sums of a row through memory. Here the outer loop, over the pixels of a row, is
written in vectors, of which LLVM makes what the processor has. The last one ends where the row does; a row that is
shorter than a vector is done pixel by pixel.

Arrays that the intrinsics take are of one dimension and contiguous, and a row is where its first pixel is in such an
array.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from augmentation_worker.transforms.cpu.kernel_target import kernel_compiler
from augmentation_worker.transforms.cpu.vector_instructions import (
    code_generator,
    constant,
    intp,
    length_of,
    load,
    multiply_high,
    splat,
    store,
    value_at,
)
from augmentation_worker.transforms.cpu.word_pairs import WordPairs, for_long_row, for_vectors

KERNEL_BITS = 8
"""Weights of a blur sum to 256 in each direction, so that the sum in the first one is exact in 16 bits."""
RECIPROCAL_BITS = 22
_LANES = 64
_BYTE, _WORD = ir.IntType(8), ir.IntType(16)

_compiled = kernel_compiler()


@intrinsic
def _weigh_rows(
    _context: Any, plane: Any, above: Any, below: Any, weights: Any, sums: Any, margin: Any, width: Any
) -> Any:
    """Sum the pixels above and below those of a row by their weights. Returns the width, or 0, see `for_long_row`.

    plane: uint8. above, below: int64, the neighbours' rows. weights: int32 [reach + 1], the first one in both words,
    the others, 64 at most, in all four bytes. sums: int16, filled from the margin on, with 32768 less than each sum.
    """

    def generate(
        builder: Any, pixels: Any, ups: Any, downs: Any, parts: Any, target: Any, edge: Any, length: Any
    ) -> Any:
        def begin_summing(words: WordPairs) -> Callable[[Any], None]:
            def load_from(rows: Any, distance: Any, x: Any) -> Any:
                return words.load(pixels, builder.add(value_at(builder, rows, distance), x))

            def sum_from(x: Any) -> None:
                weight, least = words.splat(parts, 0), words.all(1 << 15, 1 << 15)
                own = words.interleave(load_from(ups, intp(0), x), words.all(0, 0))
                totals = [words.variable(words.add_words(words.multiply_words(each, weight), least)) for each in own]
                with cgutils.for_range_slice(builder, intp(1), length_of(builder, parts), intp(1)) as (distance, _):
                    weight = words.splat(parts, distance)
                    both = words.interleave(*(load_from(rows, distance, x) for rows in (ups, downs)))
                    for total, pairs in zip(totals, both, strict=True):
                        added = words.multiply_and_add_bytes(pairs, weight)
                        builder.store(words.add_words(builder.load(total), added), total)
                place = builder.add(edge, x)
                for half, made in enumerate(words.in_order(*map(builder.load, totals))):
                    store(builder, made, target, builder.add(place, intp(half * words.size // 2)))

            return sum_from

        return for_long_row(builder, length, begin_summing)

    return types.intp(plane, above, below, weights, sums, margin, width), code_generator(generate)


@intrinsic
def _weigh_columns(_context: Any, sums: Any, weights: Any, margin: Any, result: Any, begin: Any, width: Any) -> Any:
    """Sum what `_weigh_rows` has made, of pixels to the left and right, and divide by 65536, rounded half up.

    sums: int16, with margins. weights: int32 [2 * (reach + 1)], see `_weights_of_pairs`. result: uint8, the row that
    begins at `begin` is filled. Returns the width, or 0, see `for_long_row`.
    """

    def generate(builder: Any, values: Any, parts: Any, edge: Any, target: Any, start: Any, length: Any) -> Any:
        count = length_of(builder, parts)
        left = builder.sub(edge, builder.sub(builder.lshr(count, intp(1)), intp(1)))

        def begin_summing(words: WordPairs) -> Callable[[Any], None]:
            half = words.size // 2

            def sum_from(x: Any) -> None:
                # What rows lack, 256 times, and a half. Of each half of the pixels: the first, the second of every two.
                initial = words.all(1 << 15, 1 << 7)
                totals = [[words.variable(initial), words.variable(initial)] for _ in range(2)]
                with cgutils.for_range_slice(builder, intp(0), count, intp(2)) as (tap, _):
                    weight = [words.splat(parts, builder.add(tap, intp(which))) for which in range(2)]
                    place = builder.add(builder.add(left, x), tap)
                    for index in range(2):
                        pairs = words.load(values, builder.add(place, intp(half * index)))
                        for which, total in enumerate(totals[index]):
                            added = words.multiply_and_add(pairs, weight[which])
                            builder.store(builder.add(builder.load(total), added), total)
                for index in range(2):
                    made = words.bytes_of(words.words_from(16, *map(builder.load, totals[index])))
                    store(builder, made, target, builder.add(builder.add(start, x), intp(half * index)))

            return sum_from

        return for_long_row(builder, length, begin_summing)

    return types.intp(sums, weights, margin, result, begin, width), code_generator(generate)


@intrinsic
def _average(_context: Any, plane: Any, rows: Any, factor: Any, shift: Any, result: Any, begin: Any, width: Any) -> Any:
    """The mean of a row's sources, an odd number: their sum and half their number, times factor >> 16 + shift.

    plane: uint8. rows: int64, where the sources' rows are. factor, shift: uint16. result: uint8; the row that begins
    at `begin` is filled.
    """

    def generate(
        builder: Any, pixels: Any, places: Any, times: Any, bits: Any, target: Any, start: Any, length: Any
    ) -> None:
        count = length_of(builder, places)
        half = builder.trunc(builder.lshr(count, intp(1)), _WORD)

        def average_from(row: "_Row", x: Any) -> None:
            def source(index: Any) -> list[Any]:
                return row.load(pixels, builder.add(value_at(builder, places, index), x))

            def divide(total: Any) -> Any:
                rounded = builder.add(total, row.splat(half))
                return builder.lshr(multiply_high(builder, rounded, row.splat(times)), row.splat(bits))

            totals = row.sum(source(intp(0)), source, count)
            row.store([divide(total) for total in totals], target, builder.add(start, x))

        _for_row(builder, length, average_from)

    return types.void(plane, rows, factor, shift, result, begin, width), code_generator(generate)


@intrinsic
def _copy_row(_context: Any, plane: Any, row: Any, width: Any, padded: Any, begin: Any) -> Any:
    """Copy a row of a plane."""

    def generate(builder: Any, pixels: Any, start: Any, length: Any, target: Any, place: Any) -> None:
        def copy_from(row: "_Row", x: Any) -> None:
            copied = load(builder, ir.VectorType(_BYTE, row.pixels), pixels, builder.add(start, x))
            store(builder, copied, target, builder.add(place, x))

        _for_row(builder, length, copy_from)

    return types.void(plane, row, width, padded, begin), code_generator(generate)


@intrinsic
def _repeat_ends(_context: Any, row: Any, begin: Any, margin: Any, width: Any) -> Any:
    """Fill the margins of a row, multiples of _LANES, of which the left one begins at `begin`."""

    def generate(builder: Any, array: Any, start: Any, edge: Any, length: Any) -> None:
        middle = builder.add(start, edge)
        end = builder.add(middle, length)
        ends = (value_at(builder, array, place) for place in (middle, builder.sub(end, intp(1))))
        first, last = (splat(builder, value, _LANES) for value in ends)
        with cgutils.for_range_slice(builder, intp(0), edge, intp(_LANES)) as (x, _):
            store(builder, first, array, builder.add(start, x))
            store(builder, last, array, builder.add(end, x))

    return types.void(row, begin, margin, width), code_generator(generate)


def _for_row(builder: Any, width: Any, body: Callable[["_Row", Any], None]) -> None:
    """Loop over a row by vectors, or pixel by pixel if it is shorter than one."""
    with builder.if_else(builder.icmp_signed(">=", width, intp(_LANES))) as (is_long, is_short):
        with is_long:
            for_vectors(builder, _LANES, width, partial(body, _Row(builder, _LANES)))
        with is_short:
            for_vectors(builder, 1, width, partial(body, _Row(builder, 1)))


class _Row:
    """Pixels of a row, bytes in memory and words in registers: vectors of the first and of the second of every two.

    Of both, as they lie in memory, one shift makes the second. The sum of both is the first ones' with 256 times the
    second ones', which is taken away in the end: no sum of either exceeds 16 bits, and what is above is of no account.

    Attributes:
        pixels: how many; a power of two.
    """

    def __init__(self, builder: Any, pixels: int) -> None:
        self._builder = builder
        self.pixels = pixels
        self._words = max(1, pixels // 2)

    def load(self, array: Any, place: Any) -> list[Any]:
        """From a place on: both of every two pixels as one word, and the second one."""
        kind = ir.VectorType(_WORD, self._words)
        if self.pixels == 1:
            both = self._builder.zext(load(self._builder, ir.VectorType(_BYTE, 1), array, place), kind)
        else:
            both = load(self._builder, kind, array, place)
        return [both, self._builder.lshr(both, self.all(8))]

    def store(self, values: Sequence[Any], array: Any, place: Any) -> None:
        """Write the first and the second of every two pixels, up to 255, from a place on."""
        first, second = values
        both = self._builder.or_(first, self._builder.shl(second, self.all(8)))
        if self.pixels == 1:
            both = self._builder.trunc(both, ir.VectorType(_BYTE, 1))
        store(self._builder, both, array, place)

    def all(self, word: int) -> Any:
        """The word in every lane."""
        return constant(ir.VectorType(_WORD, self._words), word)

    def splat(self, value: Any) -> Any:
        """A value in every lane."""
        return splat(self._builder, value, self._words)

    def sum(self, own: Sequence[Any], others: Callable[[Any], Sequence[Any]], count: Any) -> list[Any]:
        """Sums of what was loaded of one source and of the others, from 1 on.

        own: as of `load`, and so are those of another. count: of all sources. Returns the first and the second of every
        two pixels.
        """
        builder = self._builder
        sums = [cgutils.alloca_once(builder, value.type) for value in own]  # type: ignore[no-untyped-call]
        for place, value in zip(sums, own, strict=True):
            builder.store(value, place)
        with cgutils.for_range_slice(builder, intp(1), count, intp(1)) as (index, _):
            for place, value in zip(sums, others(index), strict=True):
                builder.store(builder.add(builder.load(place), value), place)
        both, second = (builder.load(place) for place in sums)
        return [builder.sub(both, builder.shl(second, self.all(8))), second]


@_compiled
def _margin(reach):
    """Pixels on each side of a row, whole vectors, of which a blur reads as many as it reaches."""
    return (reach + _LANES - 1) // _LANES * _LANES


@_compiled
def average_along(frames, result, rows, columns):
    """The mean of the pixels at the offsets (rows, columns) [taps] int64, the border repeated; frames [N, C, H, W].

    The number of taps is odd, 127 at most. Of a plane so many rows are held, with their margins, as taps reach.
    """
    count, channels, height, width = frames.shape
    taps = len(rows)
    reach, reach_down = 0, 0
    for tap in range(taps):
        reach, reach_down = max(reach, abs(columns[tap])), max(reach_down, abs(rows[tap]))
    margin = _margin(reach)
    stride = width + 2 * margin
    held = 1
    while held < 2 * reach_down + 1:
        held *= 2
    padded, places = np.empty(held * stride, np.uint8), np.empty(taps, np.int64)
    # T. Granlund, P. Montgomery: "Division by invariant integers using multiplication", PLDI 1994, theorem 4.2.
    shift = 0
    while 2 << shift <= taps:
        shift += 1
    factor = np.uint16(((1 << (16 + shift)) + taps - 1) // taps)
    for index in range(count):
        for channel in range(channels):
            plane, target = frames[index, channel].reshape(-1), result[index, channel].reshape(-1)
            copied = 0
            for y in range(height):
                while copied < min(y + reach_down + 1, height):
                    begin = (copied & (held - 1)) * stride
                    _copy_row(plane, copied * width, width, padded, begin + margin)
                    _repeat_ends(padded, begin, margin, width)
                    copied += 1
                for tap in range(taps):
                    row = min(max(y + rows[tap], 0), height - 1) & (held - 1)
                    places[tap] = row * stride + margin + columns[tap]
                _average(padded, places, factor, np.uint16(shift), target, y * width, width)


@_compiled
def _weights_of_pairs(weights):
    """int32 [2 * (reach + 1)]: what the sums of two neighbouring columns weigh for two neighbouring pixels.

    A vector of pairs of sums serves both pixels of a lane, the first one by one pair of weights and the second one by
    the next pair here: to that one, the same sums are one column farther to the left.
    """
    reach = len(weights) - 1
    columns = np.zeros(2 * reach + 3, np.int64)
    for k in range(reach + 1):
        columns[reach + 1 - k] = columns[reach + 1 + k] = weights[k]
    pairs = np.empty(2 * reach + 2, np.int32)
    for tap in range(0, 2 * reach + 2, 2):
        pairs[tap] = columns[tap + 1] | columns[tap + 2] << 16
        pairs[tap + 1] = columns[tap] | columns[tap + 1] << 16
    return pairs


@_compiled
def convolve_separably(frames, result, weights):
    """Blur by the symmetric weights [reach + 1] uint16 in both directions, the border repeated; frames [N, C, H, W].

    Weights are a gaussian's: on both sides they sum to 256 (KERNEL_BITS), and all but the first are 64 at most. Rows
    are added first and columns second, so that one row is held between the two, not a plane. Sums of the first are
    exact in 16 bits, those of the second in 24.
    """
    count, channels, height, width = frames.shape
    reach = len(weights) - 1
    margin = _margin(reach)
    above, below = np.empty(reach + 1, np.int64), np.empty(reach + 1, np.int64)
    for_rows, for_columns = np.empty(reach + 1, np.int32), _weights_of_pairs(weights)
    for k in range(reach + 1):
        for_rows[k] = weights[k] * (0x01010101 if k else 0x00010001)
    sums = np.empty(width + 2 * margin, np.int16)
    for index in range(count):
        for channel in range(channels):
            plane, target = frames[index, channel].reshape(-1), result[index, channel].reshape(-1)
            for y in range(height):
                for k in range(reach + 1):
                    above[k], below[k] = max(y - k, 0) * width, min(y + k, height - 1) * width
                # The loops over x are for frames that are narrower than a vector.
                for x in range(_weigh_rows(plane, above, below, for_rows, sums, margin, width), width):
                    total = weights[0] * np.int64(plane[above[0] + x]) - (1 << 15)
                    for k in range(1, reach + 1):
                        total += weights[k] * (np.int64(plane[above[k] + x]) + plane[below[k] + x])
                    sums[margin + x] = total
                _repeat_ends(sums, 0, margin, width)
                for x in range(_weigh_columns(sums, for_columns, margin, target, y * width, width), width):
                    total = weights[0] * np.int64(sums[margin + x]) + (1 << 23) + (1 << 15)
                    for k in range(1, reach + 1):
                        total += weights[k] * (np.int64(sums[margin + x - k]) + sums[margin + x + k])
                    target[y * width + x] = total >> 16
