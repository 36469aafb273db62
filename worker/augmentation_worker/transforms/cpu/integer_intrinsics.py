"""Operations on integers that every processor has a vector instruction for, and numba no name."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_BYTE, _WORD, _DOUBLE = ir.IntType(8), ir.IntType(16), ir.IntType(32)


@intrinsic
def add_saturated(_context: Any, first: Any, second: Any) -> Any:
    """The sum of two int8, or the int8 that is nearest to it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_BYTE, [_BYTE, _BYTE])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.sadd.sat.i8")  # type: ignore[no-untyped-call]
        return builder.call(function, arguments)

    return types.int8(types.int8, types.int8), generate


@intrinsic
def multiply_rounded(_context: Any, first: Any, second: Any) -> Any:
    """The product of two int16 divided by 2**20, rounded half up.

    numba multiplies 64 bits, which LLVM does not always take back. On the lower 16 bits no rounding depends.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        product = builder.mul(*(builder.sext(argument, _DOUBLE) for argument in arguments))
        high = builder.trunc(builder.ashr(product, ir.Constant(_DOUBLE, 16)), _WORD)
        return builder.ashr(builder.add(high, ir.Constant(_WORD, 1 << 3)), ir.Constant(_WORD, 4))

    return types.int16(types.int16, types.int16), generate
