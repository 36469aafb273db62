"""Lookups in small tables by AVX-512's permutations, for kernels: a table lies in registers instead of in memory.

numba, which leaves vector instructions to LLVM, has no name for these, and LLVM makes none from a loop. A function here
does as many values as it can by whole vectors, and returns how many: none where the kernel is compiled for another
processor. A kernel's own loop does the rest. All arrays are contiguous.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from augmentation_worker.transforms.cpu.kernel_target import AVX512
from augmentation_worker.transforms.cpu.step_table import CELLS, SHIFTS
from augmentation_worker.transforms.cpu.vector_instructions import (
    code_generator,
    constant,
    intp,
    length_of,
    load,
    store,
    value_at,
    whole_vectors,
)

_LANES = 32
_BYTES = ir.VectorType(ir.IntType(8), _LANES)
_WORDS = ir.VectorType(ir.IntType(16), _LANES)
_PAIRS = ir.VectorType(ir.IntType(32), _LANES // 2)
_DOUBLES = ir.VectorType(ir.IntType(32), _LANES)
_HALF_BYTES = ir.VectorType(ir.IntType(8), _LANES // 2)
_PERMUTE = "llvm.x86.avx512.vpermi2var.hi.512"
"""Looks up the lower six bits of 32 indices in two vectors of 32 words: Intel's VPERMI2W, of AVX512BW."""


def has_vector_lookup() -> bool:
    """Whether the kernels that this process compiles, or finds compiled, look up by vectors."""
    return bool(vars(config).get("CPU_NAME") == AVX512.name)


@intrinsic
def look_up_bytes(_context: Any, source: Any, target: Any, table: Any) -> Any:
    """Fill target [n] uint8 with the entries of table [256] uint8 for source [n] uint8, which it may be."""

    def generate(vectors: "_Vectors", read: Any, write: Any, entries: Any) -> Any:
        builder = vectors.builder
        quarters = [load(builder, _WORDS, entries, intp(begin)) for begin in range(0, 256, 2 * _LANES)]

        def pair_of(values: Any, is_upper: Any) -> Any:
            """The two entries of which a value's upper seven bits are the index."""
            return builder.select(is_upper, *(vectors.permute(half, values) for half in (quarters[2:], quarters[:2])))

        with whole_vectors(builder, read, 2 * _LANES) as place:
            values = load(builder, _WORDS, read, place)  # two in each lane
            low = pair_of(vectors.right(values, 1), vectors.has_bit(values, 7))
            high = pair_of(vectors.right(values, 9), vectors.has_bit(values, 15))
            low = builder.select(vectors.has_bit(values, 0), vectors.right(low, 8), vectors.mask(low, 0xFF))
            high = builder.select(vectors.has_bit(values, 8), vectors.mask(high, 0xFF00), vectors.left(high, 8))
            store(builder, builder.or_(low, high), write, place)

    return types.intp(source, target, table), _generator(generate, 2 * _LANES)


@intrinsic
def add_shot_noise_to_halves(
    _context: Any,
    high: Any,
    low: Any,
    high_target: Any,
    low_target: Any,
    numbers: Any,
    places: Any,
    pairs: Any,
    strength: Any,
) -> Any:
    """Add shot noise to values low and high [n] uint8, that of numbers [2 n] uint16 in turns, into the targets.

    pairs: the table of `quantile_pairs`. places: uint16 [2 n], of the numbers in it; entries are written over them.
    strength: int16 [256], by value. The noise is the product of quantile and strength / 2**20, rounded half up.

    Entries are loaded one by one, which leaves the units for vectors idle, and a vector of what was just written one by
    one would have to wait for it. So each step loads the entries of the next one.
    """

    def generate(
        vectors: "_Vectors", upper: Any, lower: Any, upper_target: Any, lower_target: Any, *others: Any
    ) -> None:
        builder = vectors.builder
        drawn, found, table, strengths = others
        eighths = [load(builder, _WORDS, strengths, intp(begin)) for begin in range(0, 256, _LANES)]

        def find(place: Any) -> None:
            for offset in range(2 * _LANES):
                at = builder.add(builder.shl(place, intp(1)), intp(offset))
                in_table = builder.zext(value_at(builder, found, at), at.type)
                builder.store(value_at(builder, table, in_table), builder.gep(found.data, [at]))

        def quantiles_at(at: Any) -> Any:
            number, entry = load(builder, _WORDS, drawn, at), load(builder, _WORDS, found, at)
            is_upper = builder.ashr(number, constant(_WORDS, 15))
            is_nearer = builder.xor(builder.xor(number, is_upper), constant(_WORDS, 1))
            magnitude = builder.add(vectors.right(entry, 1), vectors.mask(builder.and_(entry, is_nearer), 1))
            is_lower = builder.not_(is_upper)
            return builder.sub(builder.xor(magnitude, is_lower), is_lower)

        def add(place: Any) -> None:
            begin = builder.shl(place, intp(1))
            quantiles = [quantiles_at(at) for at in (begin, builder.add(begin, intp(_LANES)))]
            for values, target, first in ((lower, lower_target, 0), (upper, upper_target, 1)):
                lanes = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), list(range(first, 2 * _LANES, 2)))
                quantile = builder.shuffle_vector(*quantiles, lanes)
                value = builder.zext(load(builder, _BYTES, values, place), _WORDS)
                product = vectors.multiply_high(vectors.look_up(eighths, value), quantile)
                noise = builder.ashr(builder.add(product, constant(_WORDS, 1 << 3)), constant(_WORDS, 4))
                noisy = vectors.limit(builder.add(value, noise), 0, 255)
                store(builder, builder.trunc(noisy, _BYTES), target, place)

        last = builder.sub(builder.and_(length_of(builder, upper), intp(-_LANES)), intp(_LANES))
        with builder.if_then(builder.icmp_signed(">=", last, intp(0))):
            find(intp(0))
            with cgutils.for_range_slice(builder, intp(0), last, intp(_LANES)) as (place, _):
                find(builder.add(place, intp(_LANES)))
                add(place)
            add(last)

    arguments = high, low, high_target, low_target, numbers, places, pairs, strength
    return types.intp(*arguments), _generator(generate, _LANES)


@intrinsic
def look_up_steps(_context: Any, source: Any, low: Any, high: Any, table: Any) -> Any:
    """Fill low and high [n] int8 with what a step table has for the lower and upper 16 bits of source [n] uint32."""

    def generate(vectors: "_Vectors", read: Any, write_low: Any, write_high: Any, entries: Any) -> Any:
        builder = vectors.builder
        tables = [load(builder, _WORDS, entries, intp(part * _LANES)) for part in range(4 * len(SHIFTS))]
        with whole_vectors(builder, read, _LANES // 2) as place:
            numbers = load(builder, _WORDS, read, place)
            is_upper = vectors.has_bit(numbers, 15)
            from_end = builder.xor(numbers, builder.ashr(numbers, constant(_WORDS, 15)))
            found = None
            for level, shift in enumerate(SHIFTS):
                lower, upper = tables[4 * level : 4 * level + 2], tables[4 * level + 2 : 4 * level + 4]
                cell = vectors.right(numbers, shift)
                entry = builder.select(is_upper, vectors.permute(upper, cell), vectors.permute(lower, cell))
                steps = builder.ashr(builder.add(entry, numbers), constant(_WORDS, shift))
                is_near = builder.icmp_unsigned("<", from_end, constant(_WORDS, CELLS << shift))
                found = steps if found is None else builder.select(is_near, steps, found)
            pairs = builder.bitcast(found, _PAIRS)
            second = builder.lshr(pairs, constant(_PAIRS, 16))
            store(builder, builder.trunc(pairs, _HALF_BYTES), write_low, place)
            store(builder, builder.trunc(second, _HALF_BYTES), write_high, place)

    is_of_bytes = low.dtype == types.int8
    return types.intp(source, low, high, table), _generator(generate, _LANES // 2, is_of_bytes)


def _generator(generate: Any, step: int, is_possible: bool = True) -> Any:
    """What numba calls to have an intrinsic's code generated: `generate`'s, and how many of the first array it does."""

    def generate_if_possible(builder: Any, first: Any, *others: Any) -> Any:
        if not (is_possible and has_vector_lookup()):
            return intp(0)
        generate(_Vectors(builder), first, *others)
        return builder.and_(length_of(builder, first), intp(-step))

    return code_generator(generate_if_possible)


class _Vectors:
    """Instructions on vectors of 32 words."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def permute(self, table: Sequence[Any], index: Any) -> Any:
        """The word of a table of two vectors that the lower six bits of each lane of the index choose."""
        kind = ir.FunctionType(_WORDS, [_WORDS] * 3)
        function = cgutils.get_or_insert_function(self.builder.module, kind, _PERMUTE)  # type: ignore[no-untyped-call]
        return self.builder.call(function, [table[0], index, table[1]])

    def look_up(self, eighths: Sequence[Any], index: Any) -> Any:
        """The words of a table of eight vectors that the lower eight bits of each lane of the index choose."""
        select = self.builder.select
        quarters = [self.permute(eighths[eighth : eighth + 2], index) for eighth in (0, 2, 4, 6)]
        is_odd, is_upper = self.has_bit(index, 6), self.has_bit(index, 7)
        halves = [select(is_odd, quarters[half + 1], quarters[half]) for half in (0, 2)]
        return select(is_upper, halves[1], halves[0])

    def multiply_high(self, first: Any, second: Any) -> Any:
        """The upper 16 bits of the products of signed words."""
        product = self.builder.mul(*(self.builder.sext(each, _DOUBLES) for each in (first, second)))
        return self.builder.trunc(self.builder.ashr(product, constant(_DOUBLES, 16)), _WORDS)

    def limit(self, vector: Any, least: int, greatest: int) -> Any:
        """Signed words, or the limit that they exceed."""
        for limit, is_beyond in ((constant(_WORDS, least), "<"), (constant(_WORDS, greatest), ">")):
            vector = self.builder.select(self.builder.icmp_signed(is_beyond, vector, limit), limit, vector)
        return vector

    def has_bit(self, vector: Any, bit: int) -> Any:
        """Whether each lane has a bit."""
        return self.builder.icmp_unsigned("!=", self.mask(vector, 1 << bit), constant(_WORDS, 0))

    def mask(self, vector: Any, word: int) -> Any:
        """The bits that every lane has in common with a word."""
        return self.builder.and_(vector, constant(_WORDS, word))

    def left(self, vector: Any, bits: int) -> Any:
        """Every lane, shifted left."""
        return self.builder.shl(vector, constant(_WORDS, bits))

    def right(self, vector: Any, bits: int) -> Any:
        """Every lane, shifted right, zeros from the left."""
        return self.builder.lshr(vector, constant(_WORDS, bits))
