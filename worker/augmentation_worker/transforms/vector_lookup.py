"""Lookups in small tables by AVX-512's permutations, for kernels: a table lies in registers instead of in memory.

numba, which leaves vector instructions to LLVM, has no name for these, and LLVM makes none from a loop. A function here
does as many values as it can by whole vectors, and returns how many: none where the kernel is compiled for another
processor. A kernel's own loop does the rest. All arrays are contiguous.

What numba has kept of a kernel is compiled again when the kernel's file has changed, not when this one has.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from augmentation_worker.transforms.kernel_target import AVX512
from augmentation_worker.transforms.step_table import CELLS, SHIFTS

_LANES = 32
_BYTES = ir.VectorType(ir.IntType(8), _LANES)
_WORDS = ir.VectorType(ir.IntType(16), _LANES)
_PAIRS = ir.VectorType(ir.IntType(32), _LANES // 2)
_HALF_BYTES = ir.VectorType(ir.IntType(8), _LANES // 2)
_INDEX = ir.IntType(64)
_PERMUTE = "llvm.x86.avx512.vpermi2var.hi.512"
"""Looks up the lower six bits of 32 indices in two vectors of 32 words: Intel's VPERMI2W, of AVX512BW."""


def has_vector_lookup() -> bool:
    """Whether the kernels that this process compiles, or finds compiled, look up by vectors."""
    return bool(vars(config).get("CPU_NAME") == AVX512.name)


@intrinsic
def look_up_bytes(_context: Any, source: Any, target: Any, table: Any) -> Any:
    """Fill target [n] uint8 with the entries of table [256] uint8 for source [n] uint8, which it may be."""

    def generate(vectors: "_Vectors", read: Any, write: Any, entries: Any) -> Any:
        quarters = [vectors.load(_WORDS, entries.data, _index(quarter)) for quarter in range(4)]

        def pair_of(index: Any, is_upper: Any) -> Any:
            """The two entries of which a value's upper seven bits are the index."""
            return vectors.select(is_upper, vectors.permute(quarters[2:], index), vectors.permute(quarters[:2], index))

        with vectors.loop(read, 2 * _LANES) as index:
            values = vectors.load(_WORDS, read.data, index)  # two in each lane
            low = pair_of(vectors.right(values, 1), vectors.has_bit(values, 7))
            high = pair_of(vectors.right(values, 9), vectors.has_bit(values, 15))
            low = vectors.select(vectors.has_bit(values, 0), vectors.right(low, 8), vectors.mask(low, 0xFF))
            high = vectors.select(vectors.has_bit(values, 8), vectors.mask(high, 0xFF00), vectors.left(high, 8))
            vectors.store(vectors.builder.or_(low, high), write.data, index)

    return types.intp(source, target, table), _generator(generate, 2 * _LANES)


@intrinsic
def look_up_words(_context: Any, source: Any, target: Any, table: Any) -> Any:
    """Fill target [n] with the entries of table [256], both 16 bits wide, for source [n] uint8."""

    def generate(vectors: "_Vectors", read: Any, write: Any, entries: Any) -> Any:
        eighths = [vectors.load(_WORDS, entries.data, _index(eighth)) for eighth in range(8)]
        with vectors.loop(read, _LANES) as index:
            values = vectors.builder.zext(vectors.load(_BYTES, read.data, index), _WORDS)
            quarters = [vectors.permute(eighths[eighth : eighth + 2], values) for eighth in (0, 2, 4, 6)]
            is_odd, is_upper = vectors.has_bit(values, 6), vectors.has_bit(values, 7)
            halves = [vectors.select(is_odd, quarters[half + 1], quarters[half]) for half in (0, 2)]
            vectors.store(vectors.select(is_upper, halves[1], halves[0]), write.data, index)

    return types.intp(source, target, table), _generator(generate, _LANES)


@intrinsic
def look_up_steps(_context: Any, source: Any, low: Any, high: Any, table: Any) -> Any:
    """Fill low and high [n] int8 with what a step table has for the lower and upper 16 bits of source [n] uint32."""

    def generate(vectors: "_Vectors", read: Any, write_low: Any, write_high: Any, entries: Any) -> Any:
        builder = vectors.builder
        tables = [vectors.load(_WORDS, entries.data, _index(part)) for part in range(4 * len(SHIFTS))]
        with vectors.loop(read, _LANES // 2) as index:
            numbers = vectors.load(_WORDS, read.data, index)
            is_upper = vectors.has_bit(numbers, 15)
            from_end = builder.xor(numbers, builder.ashr(numbers, vectors.all(15)))
            found = None
            for level, shift in enumerate(SHIFTS):
                lower, upper = tables[4 * level : 4 * level + 2], tables[4 * level + 2 : 4 * level + 4]
                cell = vectors.right(numbers, shift)
                entry = vectors.select(is_upper, vectors.permute(upper, cell), vectors.permute(lower, cell))
                steps = builder.ashr(builder.add(entry, numbers), vectors.all(shift))
                is_near = builder.icmp_unsigned("<", from_end, vectors.all(CELLS << shift))
                found = steps if found is None else vectors.select(is_near, steps, found)
            pairs = builder.bitcast(found, _PAIRS)
            second = builder.lshr(pairs, ir.Constant(_PAIRS, [16] * (_LANES // 2)))
            vectors.store(builder.trunc(pairs, _HALF_BYTES), write_low.data, index)
            vectors.store(builder.trunc(second, _HALF_BYTES), write_high.data, index)

    is_of_bytes = low.dtype == types.int8
    return types.intp(source, low, high, table), _generator(generate, _LANES // 2, is_of_bytes)


def _index(value: int) -> Any:
    return ir.Constant(_INDEX, value)


def _generator(generate: Any, step: int, is_possible: bool = True) -> Any:
    """What numba calls to have an intrinsic's code generated: `generate`'s, and how many of the first array it does."""

    def generate_all(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not (is_possible and has_vector_lookup()):
            return _index(0)
        arrays = [
            context.make_array(kind)(context, builder, argument)
            for kind, argument in zip(signature.args, arguments, strict=True)
        ]
        generate(_Vectors(builder), *arrays)
        length = builder.extract_value(arrays[0].shape, 0)
        return builder.and_(length, _index(-step))

    return generate_all


class _Vectors:
    """Instructions on vectors of 32 words."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    @contextmanager
    def loop(self, array: Any, step: int) -> Iterator[Any]:
        """A loop over whole vectors of an array [n], with their index; `step` values of it are a vector."""
        count = self.builder.udiv(self.builder.extract_value(array.shape, 0), _index(step))
        with cgutils.for_range(self.builder, count) as loop:
            yield loop.index

    def all(self, word: int) -> Any:
        """The word in every lane."""
        return ir.Constant(_WORDS, [word] * _LANES)

    def load(self, kind: Any, data: Any, index: Any) -> Any:
        """The vector at an index, from memory that need not be aligned."""
        return self.builder.load(self.builder.gep(self.builder.bitcast(data, kind.as_pointer()), [index]), align=1)

    def store(self, vector: Any, data: Any, index: Any) -> None:
        """Write a vector at an index."""
        place = self.builder.gep(self.builder.bitcast(data, vector.type.as_pointer()), [index])
        self.builder.store(vector, place, align=1)

    def permute(self, table: Sequence[Any], index: Any) -> Any:
        """The word of a table of two vectors that the lower six bits of each lane of the index choose."""
        kind = ir.FunctionType(_WORDS, [_WORDS] * 3)
        function = cgutils.get_or_insert_function(self.builder.module, kind, _PERMUTE)  # type: ignore[no-untyped-call]
        return self.builder.call(function, [table[0], index, table[1]])

    def has_bit(self, vector: Any, bit: int) -> Any:
        """Whether each lane has a bit."""
        return self.builder.icmp_unsigned("!=", self.mask(vector, 1 << bit), self.all(0))

    def select(self, condition: Any, then: Any, otherwise: Any) -> Any:
        """In each lane one of two words."""
        return self.builder.select(condition, then, otherwise)

    def mask(self, vector: Any, word: int) -> Any:
        """The bits that every lane has in common with a word."""
        return self.builder.and_(vector, self.all(word))

    def left(self, vector: Any, bits: int) -> Any:
        """Every lane, shifted left."""
        return self.builder.shl(vector, self.all(bits))

    def right(self, vector: Any, bits: int) -> Any:
        """Every lane, shifted right, zeros from the left."""
        return self.builder.lshr(vector, self.all(bits))
