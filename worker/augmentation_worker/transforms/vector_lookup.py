"""Lookups in small tables by AVX-512's permutations, for kernels: a table lies in registers instead of in memory.

numba, which leaves vector instructions to LLVM, has no name for these, and LLVM makes none from a loop. A function here
does as many values as it can by whole vectors, and returns how many: none where the kernel is compiled for another
processor. A kernel's own loop does the rest.
"""

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from augmentation_worker.transforms.kernel_target import AVX512

_LANES = 32
_VECTOR = ir.VectorType(ir.IntType(16), _LANES)
_INDEX = ir.IntType(64)
_PERMUTE = "llvm.x86.avx512.vpermi2var.hi.512"
"""Looks up the lower six bits of 32 indices in two vectors of 32 words: Intel's VPERMI2W, of AVX512BW."""


def has_vector_lookup() -> bool:
    """Whether the kernels that this process compiles, or finds compiled, look up by vectors."""
    return bool(vars(config).get("CPU_NAME") == AVX512.name)


@intrinsic
def look_up_bytes(_context: Any, source: Any, target: Any, table: Any) -> Any:
    """Fill target [n] uint8 with the entries of table [256] uint8 for source [n] uint8. Returns how many it has done.

    All three are contiguous; target may be source.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not has_vector_lookup():
            return ir.Constant(_INDEX, 0)
        read, write, entries = (
            context.make_array(kind)(context, builder, argument)
            for kind, argument in zip(signature.args, arguments, strict=True)
        )
        vectors = _Vectors(builder)
        quarters = [vectors.load(entries.data, ir.Constant(_INDEX, quarter)) for quarter in range(4)]

        def pair_of(index: Any, is_upper: Any) -> Any:
            """The two entries of which a value's upper seven bits are the index."""
            upper, lower = vectors.permute(quarters[2:], index), vectors.permute(quarters[:2], index)
            return builder.select(is_upper, upper, lower)

        count = builder.lshr(builder.extract_value(read.shape, 0), ir.Constant(_INDEX, 6))
        with cgutils.for_range(builder, count) as loop:
            values = vectors.load(read.data, loop.index)  # two in each lane
            low = pair_of(builder.lshr(values, vectors.all(1)), vectors.has_bit(values, 7))
            high = pair_of(builder.lshr(values, vectors.all(9)), vectors.has_bit(values, 15))
            low = builder.select(
                vectors.has_bit(values, 0),
                builder.lshr(low, vectors.all(8)),
                builder.and_(low, vectors.all(0xFF)),
            )
            high = builder.select(
                vectors.has_bit(values, 8),
                builder.and_(high, vectors.all(0xFF00)),
                builder.shl(high, vectors.all(8)),
            )
            vectors.store(builder.or_(low, high), write.data, loop.index)
        return builder.shl(count, ir.Constant(_INDEX, 6))

    return types.intp(source, target, table), generate


class _Vectors:
    """Instructions on vectors of 32 words."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder

    def all(self, word: int) -> Any:
        """The word in every lane."""
        return ir.Constant(_VECTOR, [word] * _LANES)

    def load(self, data: Any, index: Any) -> Any:
        """The vector at an index, from memory that need not be aligned."""
        return self._builder.load(self._place(data, index), align=1)

    def store(self, vector: Any, data: Any, index: Any) -> None:
        """Write a vector at an index."""
        self._builder.store(vector, self._place(data, index), align=1)

    def permute(self, table: list[Any], index: Any) -> Any:
        """The word of a table of two vectors that the lower six bits of each lane of the index choose."""
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        function = cgutils.get_or_insert_function(self._builder.module, kind, _PERMUTE)  # type: ignore[no-untyped-call]
        return self._builder.call(function, [table[0], index, table[1]])

    def has_bit(self, vector: Any, bit: int) -> Any:
        """Whether each lane has a bit."""
        return self._builder.icmp_unsigned("!=", self._builder.and_(vector, self.all(1 << bit)), self.all(0))

    def _place(self, data: Any, index: Any) -> Any:
        return self._builder.gep(self._builder.bitcast(data, _VECTOR.as_pointer()), [index])
