"""What numba's intrinsics generate vector instructions with; LLVM makes of them what the processor has.

Arrays are contiguous, a place is the index of a value in one, and kinds of vectors are llvmlite's. Memory need not be
aligned.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

_INTP = ir.IntType(64)
_LANE = ir.IntType(32)


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


def _pointer(builder: Any, kind: Any, array: Any, place: Any) -> Any:
    return builder.bitcast(builder.gep(array.data, [place]), kind.as_pointer())
