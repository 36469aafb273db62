"""Lookups in small tables by AVX-512's permutations, for kernels: a table lies in registers instead of in memory.

numba, which leaves vector instructions to LLVM, has no name for these, and LLVM makes none from a loop. A function here
does as many values as it can by whole vectors, and returns how many: none where the kernel is compiled for another
processor. A kernel's own loop does the rest. All arrays are contiguous.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from augmentation_worker.transforms.cpu.kernel_target import AVX512
from augmentation_worker.transforms.cpu.vector_instructions import (
    call,
    code_generator,
    constant,
    intp,
    length_of,
    load,
    store,
    whole_vectors,
)

_LANES = 32
_WORDS = ir.VectorType(ir.IntType(16), _LANES)
_DOUBLES = ir.VectorType(ir.IntType(32), _LANES)
_BYTES, _EIGHTS = ir.VectorType(ir.IntType(8), 2 * _LANES), ir.VectorType(ir.IntType(64), 8)
_PERMUTE = "llvm.x86.avx512.vpermi2var.hi.512"
"""Looks up the lower six bits of 32 indices in two vectors of 32 words: Intel's VPERMI2W, of AVX512BW."""
_PACK_SIGNED, _PACK_UNSIGNED = "llvm.x86.avx512.packsswb.512", "llvm.x86.avx512.packuswb.512"


def has_vector_lookup() -> bool:
    """Whether the kernels that this process compiles, or finds compiled, look up by vectors."""
    return bool(vars(config).get("CPU_NAME") == AVX512.name)


@intrinsic
def look_up_bytes(_context: Any, source: Any, target: Any, table: Any) -> Any:
    """Fill target [n] uint8 with the entries of table [256] uint8 for source [n] uint8, which it may be."""

    def generate(vectors: "Vectors", read: Any, write: Any, entries: Any) -> Any:
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


def _generator(generate: Any, step: int) -> Any:
    """What numba calls to have an intrinsic's code generated: `generate`'s, and how many of the first array it does."""

    def generate_if_possible(builder: Any, first: Any, *others: Any) -> Any:
        if not has_vector_lookup():
            return intp(0)
        generate(Vectors(builder), first, *others)
        return builder.and_(length_of(builder, first), intp(-step))

    return code_generator(generate_if_possible)


class Vectors:
    """Instructions on vectors of 32 words, or of 64 bytes."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def permute(self, table: Sequence[Any], index: Any) -> Any:
        """The word of a table of two vectors that the lower six bits of each lane of the index choose."""
        return call(self.builder, _PERMUTE, _WORDS, table[0], index, table[1])

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

    def to_bytes(self, first: Any, second: Any, is_signed: bool = True) -> Any:
        """64 signed words as bytes, int8 or uint8, or the limit that they exceed."""
        pack = call(self.builder, _PACK_SIGNED if is_signed else _PACK_UNSIGNED, _BYTES, first, second)
        eights = self.builder.bitcast(pack, _EIGHTS)  # of the first vector and of the second one in turns
        order = ir.Constant(ir.VectorType(ir.IntType(32), 8), [0, 2, 4, 6, 1, 3, 5, 7])
        return self.builder.bitcast(self.builder.shuffle_vector(eights, eights, order), _BYTES)

    def subtract_saturated(self, first: Any, second: Any) -> Any:
        """The differences of 64 int8, or the int8 that is nearest to each."""
        return call(self.builder, "llvm.ssub.sat.v64i8", _BYTES, first, second)

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
