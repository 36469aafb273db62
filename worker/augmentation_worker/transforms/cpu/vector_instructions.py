"""What numba's intrinsics generate vector instructions with; LLVM makes of them what the processor has.

Arrays are contiguous, a place is the index of a value in one, and kinds of vectors are llvmlite's. Memory need not be
aligned.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils

_INTP = ir.IntType(64)
_LANE = _DOUBLE = ir.IntType(32)
_MULTIPLY_HIGH = {
    "x86-64-v4": ("llvm.x86.avx512.pmulhu.w.512", 32),
    "x86-64-v3": ("llvm.x86.avx2.pmulhu.w", 16),
}
"""By processor, as numba is told: Intel's VPMULHUW and its lanes, of AVX512BW and of AVX2."""


def code_generator(generate: Callable[..., Any]) -> Any:
    """What numba calls to have an intrinsic's code generated: `generate`, with a builder and the intrinsic's arguments.

    It returns the intrinsic's result, None for an intrinsic that has none.
    """

    def generate_all(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = (
            context.make_array(kind)(context, builder, argument) if isinstance(kind, types.Array) else argument
            for kind, argument in zip(signature.args, arguments, strict=True)
        )
        result = generate(builder, *made)
        return context.get_dummy_value() if result is None else result

    return generate_all


def intp(value: int) -> Any:
    """A number as numba's intp."""
    return ir.Constant(_INTP, value)


def length_of(builder: Any, array: Any) -> Any:
    """How many values an array [n] has."""
    return builder.extract_value(array.shape, 0)


def value_at(builder: Any, array: Any, place: Any) -> Any:
    """The value at a place."""
    return builder.load(builder.gep(array.data, [place]))


def load(builder: Any, kind: Any, array: Any, place: Any) -> Any:
    """The vector of a kind that begins at a place."""
    return builder.load(_pointer(builder, kind, array, place), align=1)


def store(builder: Any, vector: Any, array: Any, place: Any) -> None:
    """Write a vector from a place on."""
    builder.store(vector, _pointer(builder, vector.type, array, place), align=1)


@contextmanager
def whole_vectors(builder: Any, array: Any, step: int) -> Iterator[Any]:
    """A loop over the places where each `step` values of an array [n] begin, a power of 2; a rest is left out."""
    whole = builder.and_(length_of(builder, array), intp(-step))
    with cgutils.for_range_slice(builder, intp(0), whole, intp(step)) as (place, _):
        yield place


def constant(kind: Any, value: int) -> Any:
    """A vector of a kind with a number in every lane."""
    return ir.Constant(kind, [value] * kind.count)


def splat(builder: Any, value: Any, lanes: int) -> Any:
    """A vector with a value in every lane."""
    nothing = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(_LANE, 0))
    return builder.shuffle_vector(first, nothing, constant(ir.VectorType(_LANE, lanes), 0))


def call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """What a function that LLVM knows by name, as an instruction of a processor, makes of the arguments."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    return builder.call(function, arguments)


def multiply_high(builder: Any, first: Any, second: Any) -> Any:
    """The upper 16 bits of the products of unsigned words, of two vectors of equal lanes.

    x86 has an instruction for it, which LLVM takes only where it sees both factors widened: not of one that stays the
    same in a loop, as it is widened before.
    """
    instruction, lanes = _MULTIPLY_HIGH.get(str(vars(config).get("CPU_NAME")), ("", 1))
    if not instruction or first.type.count % lanes:
        wide = ir.VectorType(_DOUBLE, first.type.count)
        product = builder.mul(builder.zext(first, wide), builder.zext(second, wide))
        return builder.trunc(builder.lshr(product, constant(wide, 16)), first.type)
    kind = ir.VectorType(first.type.element, lanes)
    parts = [
        call(builder, instruction, kind, *(_part(builder, each, begin, lanes) for each in (first, second)))
        for begin in range(0, first.type.count, lanes)
    ]
    while len(parts) > 1:
        parts = [_joined(builder, *pair) for pair in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _part(builder: Any, vector: Any, begin: int, lanes: int) -> Any:
    return builder.shuffle_vector(vector, vector, _lanes(range(begin, begin + lanes)))


def _joined(builder: Any, first: Any, second: Any) -> Any:
    return builder.shuffle_vector(first, second, _lanes(range(2 * first.type.count)))


def _lanes(numbers: Sequence[int]) -> Any:
    return ir.Constant(ir.VectorType(_LANE, len(numbers)), list(numbers))


def opaque(builder: Any, vector: Any) -> Any:
    """A vector of which LLVM does not know that it is constant, and so makes nothing else of what is done with it."""
    identity = ir.InlineAsm(ir.FunctionType(vector.type, [vector.type]), "", "=v,0", side_effect=False)
    return builder.call(identity, [vector])


def _pointer(builder: Any, kind: Any, array: Any, place: Any) -> Any:
    return builder.bitcast(builder.gep(array.data, [place]), kind.as_pointer())
