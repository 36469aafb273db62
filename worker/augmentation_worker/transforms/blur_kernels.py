"""The loops of blur on the CPU, compiled by numba; see `kernels` for why.

Written as vectors of 64 pixels, on which LLVM works in any processor's registers: numba's own loops add one source of
pixels after the other to sums in memory. A plane is copied into a larger one with its border repeated around it, where
what lies `row` below and `column` to the right of a pixel is always as far from it. The last vector of a row overlaps
the one before.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from augmentation_worker.transforms.kernel_target import kernel_compiler

KERNEL_BITS = 8
"""Weights of a blur sum to 256 in each direction, so that the horizontal sum is exact in 16 bits."""
RECIPROCAL_BITS = 22
_LANES = 64
_INDEX = ir.IntType(64)
_BYTES, _WORDS, _DOUBLES = (ir.VectorType(ir.IntType(bits), _LANES) for bits in (8, 16, 32))

_compiled = kernel_compiler()


class _Columns:
    """Instructions that make 64 neighbouring pixels of a row, the first of them in a column."""

    def __init__(self, builder: Any, column: Any) -> None:
        self.builder = builder
        self._column = column

    def load(self, kind: Any, data: Any, place: Any) -> Any:
        """64 values from a place in an array on, which need not be aligned."""
        pointer = self.builder.gep(data, [self.builder.add(place, self._column)])
        return self.builder.load(self.builder.bitcast(pointer, kind.as_pointer()), align=1)

    def store(self, values: Any, data: Any) -> None:
        """Write 64 values to an array that is the row."""
        pointer = self.builder.gep(data, [self._column])
        self.builder.store(values, self.builder.bitcast(pointer, values.type.as_pointer()), align=1)

    def all(self, kind: Any, value: Any) -> Any:
        """The number in every lane, a constant or a value of the width of a lane."""
        if isinstance(value, int):
            return ir.Constant(kind, [value] * _LANES)
        one = self.builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
        return self.builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), lanes)


def _for_columns(builder: Any, width: Any, make: Callable[[_Columns], None]) -> None:
    """Have a row of at least 64 pixels made, 64 at a time."""
    lanes = _index(_LANES)
    last = builder.sub(width, lanes)
    count = builder.udiv(builder.add(width, _index(_LANES - 1)), lanes)
    with cgutils.for_range(builder, count) as loop:
        column = builder.mul(loop.index, lanes)
        is_last = builder.icmp_signed(">", column, last)
        make(_Columns(builder, builder.select(is_last, last, column)))


def _index(value: int) -> Any:
    return ir.Constant(_INDEX, value)


def _array(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array)


@intrinsic
def _average_row(_context: Any, source: Any, place: Any, offsets: Any, reciprocal: Any, target: Any) -> Any:
    """Fill target [width >= 64] uint8 with means of source [n] uint8 at place + offsets [taps] int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        read, taps, write = (_array(context, builder, signature.args[i], arguments[i]) for i in (0, 2, 4))
        first, factor = arguments[1], arguments[3]
        sums = cgutils.alloca_once(builder, _WORDS)  # type: ignore[no-untyped-call]

        def make(columns: _Columns) -> None:
            builder.store(columns.all(_WORDS, 0), sums)
            with cgutils.for_range(builder, builder.extract_value(taps.shape, 0)) as tap:
                offset = builder.load(builder.gep(taps.data, [tap.index]))
                values = builder.zext(columns.load(_BYTES, read.data, builder.add(first, offset)), _WORDS)
                builder.store(builder.add(builder.load(sums), values), sums)
            scaled = builder.mul(builder.zext(builder.load(sums), _DOUBLES), columns.all(_DOUBLES, factor))
            rounded = builder.add(scaled, columns.all(_DOUBLES, 1 << (RECIPROCAL_BITS - 1)))
            means = builder.lshr(rounded, columns.all(_DOUBLES, RECIPROCAL_BITS))
            columns.store(builder.trunc(means, _BYTES), write.data)

        _for_columns(builder, builder.extract_value(write.shape, 0), make)
        return context.get_dummy_value()

    return types.void(source, types.int64, offsets, types.uint32, target), generate


@intrinsic
def _weigh_row(_context: Any, source: Any, place: Any, step: Any, weights: Any, target: Any) -> Any:
    """Fill target [width >= 64] with sums of source [n] at place and, of both sides alike, `step` x 1.. from it.

    Sums of uint8 become uint16; sums of uint16 become uint8, after they were divided by 65536 and rounded.
    """
    is_second = target.dtype == types.uint8

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        read, factors, write = (_array(context, builder, signature.args[i], arguments[i]) for i in (0, 3, 4))
        middle, step = arguments[1], arguments[2]
        narrow, wide = (_WORDS, _DOUBLES) if is_second else (_BYTES, _WORDS)
        sums = cgutils.alloca_once(builder, wide)  # type: ignore[no-untyped-call]

        def make(columns: _Columns) -> None:
            def values(place: Any) -> Any:
                return builder.zext(columns.load(narrow, read.data, place), wide)

            def weight(tap: Any) -> Any:
                factor = builder.load(builder.gep(factors.data, [tap]))
                return columns.all(wide, builder.zext(factor, wide.element) if is_second else factor)

            builder.store(builder.mul(values(middle), weight(_index(0))), sums)
            with cgutils.for_range(builder, builder.sub(builder.extract_value(factors.shape, 0), _index(1))) as loop:
                tap = builder.add(loop.index, _index(1))
                away = builder.mul(tap, step)
                both = builder.add(values(builder.sub(middle, away)), values(builder.add(middle, away)))
                builder.store(builder.add(builder.load(sums), builder.mul(both, weight(tap))), sums)
            result = builder.load(sums)
            if is_second:
                rounded = builder.add(result, columns.all(wide, 1 << (2 * KERNEL_BITS - 1)))
                result = builder.trunc(builder.lshr(rounded, columns.all(wide, 2 * KERNEL_BITS)), _BYTES)
            columns.store(result, write.data)

        _for_columns(builder, builder.extract_value(write.shape, 0), make)
        return context.get_dummy_value()

    return types.void(source, types.int64, types.int64, weights, target), generate


@_compiled
def _pad(padded, source, left, top):
    """Source [H, W] with more pixels around it, its border repeated. By loops: numba copies slices ten times slower."""
    height, width = source.shape
    for y in range(len(padded)):
        row, inside = padded[y], source[min(max(y - top, 0), height - 1)]
        middle = row[left : left + width]
        for x in range(width):
            middle[x] = inside[x]
        for x in range(left):
            row[x] = inside[0]
        for x in range(left + width, len(row)):
            row[x] = inside[width - 1]


@_compiled
def average_along(frames, result, rows, columns, reciprocal):
    """The mean of the pixels at the offsets (rows, columns) [taps] int64, the border repeated; frames [N, C, H, W]."""
    count, channels, height, width = frames.shape
    left, top = np.max(np.abs(columns)), np.max(np.abs(rows))
    held = max(width, _LANES)  # pixels of a row
    stride = held + 2 * left
    padded, made = np.empty((height + 2 * top, stride), np.uint8), np.empty(held, np.uint8)
    values, offsets = padded.reshape(-1), rows * stride + columns
    for index in range(count):
        for channel in range(channels):
            _pad(padded, frames[index, channel], left, top)
            for y in range(height):
                target = result[index, channel, y]
                if width >= _LANES:
                    _average_row(values, (y + top) * stride + left, offsets, np.uint32(reciprocal), target)
                else:
                    _average_row(values, (y + top) * stride + left, offsets, np.uint32(reciprocal), made)
                    for x in range(width):
                        target[x] = made[x]


@_compiled
def convolve_separably(frames, result, weights):
    """Blur by the symmetric weights [reach + 1] uint16 in both directions, the border repeated; frames [N, C, H, W]."""
    count, channels, height, width = frames.shape
    reach = len(weights) - 1
    held = max(width, _LANES)  # pixels of a row
    stride = held + 2 * reach
    padded, made = np.empty((height, stride), np.uint8), np.empty(held, np.uint8)
    values = padded.reshape(-1)
    across = np.empty((height + 2 * reach, held), np.uint16)
    sums = across.reshape(-1)
    for index in range(count):
        for channel in range(channels):
            _pad(padded, frames[index, channel], reach, 0)
            for y in range(-reach, height + reach):
                inside = min(max(y, 0), height - 1)
                _weigh_row(values, inside * stride + reach, 1, weights, across[y + reach])
            for y in range(height):
                target = result[index, channel, y]
                if width >= _LANES:
                    _weigh_row(sums, (y + reach) * held, held, weights, target)
                else:
                    _weigh_row(sums, (y + reach) * held, held, weights, made)
                    for x in range(width):
                        target[x] = made[x]
