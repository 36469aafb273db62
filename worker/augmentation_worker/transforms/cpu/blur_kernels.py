"""The loops of blur on the CPU, compiled by numba; see `kernels` for why.

Sums of 64 pixels stay in registers while all their neighbours are added. Of two loops LLVM makes vectors of the inner
one, and each neighbour then takes all sums of a row through memory. Here the outer loop, over the pixels of a row, is
written in vectors, of which LLVM makes what the processor has; what is left of a row goes the same way, in vectors of
one pixel.

Arrays that the intrinsics take are of one dimension and contiguous, and a row is where its first pixel is in such an
array.
"""

from collections.abc import Callable, Sequence
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

KERNEL_BITS = 8
"""Weights of a blur sum to 256 in each direction, so that the sum in the first one is exact in 16 bits."""
RECIPROCAL_BITS = 22
_LANES = 64
_BYTE, _WORD = ir.IntType(8), ir.IntType(16)

_compiled = kernel_compiler()


@intrinsic
def _weigh_rows(
    _context: Any, plane: Any, above: Any, below: Any, weights: Any, high: Any, low: Any, margin: Any
) -> Any:
    """Sum the pixels above and below those of a row by their weights, into the sums' upper and their lower bytes.

    plane: uint8. above, below: int64, the neighbours' rows. weights: uint16, those of both sides together 256 at most.
    high, low: uint8 [margin + width + margin]; the margins, a multiple of _LANES, repeat the ends.
    """

    def generate(
        builder: Any, pixels: Any, ups: Any, downs: Any, parts: Any, upper: Any, lower: Any, begin: Any
    ) -> None:
        width = builder.sub(length_of(builder, upper), builder.shl(begin, intp(1)))

        def sum_from(row: "_Row", x: Any) -> None:
            def pair(neighbour: Any) -> list[Any]:
                places = (builder.add(value_at(builder, rows, neighbour), x) for rows in (ups, downs))
                return row.add(*(row.load(pixels, place) for place in places))

            own = row.load(pixels, builder.add(value_at(builder, ups, intp(0)), x))
            totals = row.sum(own, pair, length_of(builder, parts), parts)
            place = builder.add(begin, x)
            row.store([builder.lshr(total, row.all(8)) for total in totals], upper, place)
            row.store([builder.and_(total, row.all(0xFF)) for total in totals], lower, place)

        _for_row(builder, width, sum_from)
        _repeat_ends(builder, upper, intp(0), begin, width)
        _repeat_ends(builder, lower, intp(0), begin, width)

    return types.void(plane, above, below, weights, high, low, margin), code_generator(generate)


@intrinsic
def _weigh_columns(_context: Any, high: Any, low: Any, weights: Any, margin: Any, result: Any, begin: Any) -> Any:
    """Sum what `_weigh_rows` has made, of pixels to the left and right, and divide by 65536, rounded half up.

    result: uint8, the row that begins at `begin` is filled.
    """

    def generate(builder: Any, upper: Any, lower: Any, parts: Any, edge: Any, target: Any, start: Any) -> None:
        width = builder.sub(length_of(builder, upper), builder.shl(edge, intp(1)))

        def sum_from(row: "_Row", x: Any) -> None:
            middle = builder.add(edge, x)

            def pairs(neighbour: Any) -> list[Any]:
                places = builder.sub(middle, neighbour), builder.add(middle, neighbour)
                of_high, of_low = (row.add(*(row.load(sums, place) for place in places)) for sums in (upper, lower))
                return [*of_high, *of_low]

            own = [*row.load(upper, middle), *row.load(lower, middle)]
            totals = row.sum(own, pairs, length_of(builder, parts), parts)
            # The sum is 256 times the one and once the other. All fit 16 bits, as the weights sum to 256.
            totals = row.add(totals[:2], [builder.lshr(of_low, row.all(8)) for of_low in totals[2:]])
            rounded = [builder.lshr(builder.add(total, row.all(1 << 7)), row.all(8)) for total in totals]
            row.store(rounded, target, builder.add(start, x))

        _for_row(builder, width, sum_from)

    return types.void(high, low, weights, margin, result, begin), code_generator(generate)


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
def _copy_with_margins(_context: Any, plane: Any, row: Any, width: Any, padded: Any, begin: Any, margin: Any) -> Any:
    """Copy a row of a plane, its ends repeated in the margins on both sides; the left one begins at `begin`."""

    def generate(builder: Any, pixels: Any, start: Any, length: Any, target: Any, place: Any, edge: Any) -> None:
        middle = builder.add(place, edge)

        def copy_from(row: "_Row", x: Any) -> None:
            copied = load(builder, ir.VectorType(_BYTE, row.pixels), pixels, builder.add(start, x))
            store(builder, copied, target, builder.add(middle, x))

        _for_row(builder, length, copy_from)
        _repeat_ends(builder, target, place, edge, length)

    return types.void(plane, row, width, padded, begin, margin), code_generator(generate)


def _for_row(builder: Any, width: Any, body: Callable[["_Row", Any], None]) -> None:
    """Loops over a row: by whole vectors, then pixel by pixel."""
    whole = builder.and_(width, intp(-_LANES))
    for lanes, begin, end in ((_LANES, intp(0), whole), (1, whole, width)):
        with cgutils.for_range_slice(builder, begin, end, intp(lanes)) as (x, _):
            body(_Row(builder, lanes), x)


def _repeat_ends(builder: Any, array: Any, begin: Any, margin: Any, width: Any) -> None:
    """Fill the margins of a row, of which the left one begins at `begin`."""
    middle = builder.add(begin, margin)
    end = builder.add(middle, width)
    ends = (value_at(builder, array, place) for place in (middle, builder.sub(end, intp(1))))
    first, last = (splat(builder, value, _LANES) for value in ends)
    with cgutils.for_range_slice(builder, intp(0), margin, intp(_LANES)) as (x, _):
        store(builder, first, array, builder.add(begin, x))
        store(builder, last, array, builder.add(end, x))


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

    def add(self, first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
        """The sums of two of each."""
        return [self._builder.add(*each) for each in zip(first, second, strict=True)]

    def sum(
        self, own: Sequence[Any], neighbours: Callable[[Any], Sequence[Any]], count: Any, weights: Any = None
    ) -> list[Any]:
        """Sums of what was loaded of the pixels themselves and of neighbours, from 1 on, by their weights.

        own: pairs as of `load`, and so are those of a neighbour. count: of the neighbours, and the pixels themselves.
        Returns such pairs, now of the first and the second.
        """
        builder = self._builder

        def weigh(values: Sequence[Any], neighbour: Any) -> Sequence[Any]:
            if weights is None:
                return values
            weight = self.splat(value_at(builder, weights, neighbour))
            return [builder.mul(value, weight) for value in values]

        sums = [cgutils.alloca_once(builder, value.type) for value in own]  # type: ignore[no-untyped-call]
        for place, value in zip(sums, weigh(own, intp(0)), strict=True):
            builder.store(value, place)
        with cgutils.for_range_slice(builder, intp(1), count, intp(1)) as (neighbour, _):
            for place, value in zip(sums, weigh(neighbours(neighbour), neighbour), strict=True):
                builder.store(builder.add(builder.load(place), value), place)
        totals = [builder.load(place) for place in sums]
        for index in range(0, len(totals), 2):
            totals[index] = builder.sub(totals[index], builder.shl(totals[index + 1], self.all(8)))
        return totals


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
                    _copy_with_margins(plane, copied * width, width, padded, (copied & (held - 1)) * stride, margin)
                    copied += 1
                for tap in range(taps):
                    row = min(max(y + rows[tap], 0), height - 1) & (held - 1)
                    places[tap] = row * stride + margin + columns[tap]
                _average(padded, places, factor, np.uint16(shift), target, y * width, width)


@_compiled
def convolve_separably(frames, result, weights):
    """Blur by the symmetric weights [reach + 1] uint16 in both directions, the border repeated; frames [N, C, H, W].

    Rows are added first and columns second, so that one row is held between the two, not a plane. Sums of 8 bits are
    exact in 16; those of sums are, too, of the upper and the lower bytes separately.
    """
    count, channels, height, width = frames.shape
    reach = len(weights) - 1
    margin = _margin(reach)
    above, below = np.empty(reach + 1, np.int64), np.empty(reach + 1, np.int64)
    high, low = np.empty(width + 2 * margin, np.uint8), np.empty(width + 2 * margin, np.uint8)
    for index in range(count):
        for channel in range(channels):
            plane, target = frames[index, channel].reshape(-1), result[index, channel].reshape(-1)
            for y in range(height):
                for k in range(reach + 1):
                    above[k], below[k] = max(y - k, 0) * width, min(y + k, height - 1) * width
                _weigh_rows(plane, above, below, weights, high, low, margin)
                _weigh_columns(high, low, weights, margin, target, y * width)
