"""What the kernels of noise do by AVX-512's vectors: random numbers, gaussian noise by steps, and shot noise.

As in `vector_lookup`: a function here does as many values as it can by whole vectors, and returns how many, none where
the kernel is compiled for another processor. All arrays are contiguous.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from augmentation_worker.transforms.cpu.kernels import PHILOX_MULTIPLIERS, PHILOX_ROUNDS, PHILOX_WEYL
from augmentation_worker.transforms.cpu.step_table import CELLS, FRACTION_BITS, SHIFTS
from augmentation_worker.transforms.cpu.vector_instructions import (
    code_generator,
    constant,
    intp,
    load,
    opaque,
    splat,
    store,
    value_at,
)
from augmentation_worker.transforms.cpu.vector_lookup import Vectors, has_vector_lookup

_LANES = 32
_BYTE, _WORD, _DOUBLE, _QUAD = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_HALF_BYTES, _BYTES = ir.VectorType(_BYTE, _LANES), ir.VectorType(_BYTE, 2 * _LANES)
_WORDS, _DOUBLES = ir.VectorType(_WORD, _LANES), ir.VectorType(_DOUBLE, _LANES // 2)


@intrinsic
def make_numbers(_context: Any, key0: Any, key1: Any, frame: Any, start: Any, count: Any, numbers: Any) -> Any:
    """What `noise_kernels.philox_numbers` does, of as many blocks as whole vectors have. Returns how many these are.

    32 blocks at a time, as a block's rounds wait for each other; LLVM takes 16 of a loop. Where there are not AVX-512's
    32 registers of 512 bits it knows better: none.

    A block's word is the lower half of a lane of 64 bits until the last round, which joins the words of two vectors.
    Which block is in which lane is such that the numbers come out in order: of each four blocks that follow each other,
    the first are in the first vector, the third in the second, the second in the third.
    """
    quads, doubles = ir.VectorType(_QUAD, _LANES), ir.VectorType(_DOUBLE, 2 * _LANES)
    blocks = ir.Constant(quads, [4 * lane + place for place in (0, 2, 1, 3) for lane in range(_LANES // 4)])

    def generate(builder: Any, key_low: Any, key_high: Any, number: Any, begin: Any, wanted: Any, made: Any) -> Any:
        if not has_vector_lookup():
            return intp(0)
        stride = builder.extract_value(made.shape, 1)

        def splat_wide(value: Any) -> Any:
            return splat(builder, builder.zext(value, _QUAD) if value.type == _DOUBLE else value, _LANES)

        def keys_of(round_: int) -> list[Any]:
            both = zip((key_low, key_high), PHILOX_WEYL, strict=True)
            return [builder.add(key, ir.Constant(_DOUBLE, round_ * weyl & 0xFFFFFFFF)) for key, weyl in both]

        def multiply(value: Any, factor: int) -> Any:
            """The whole product of the lower halves; of what is above them, everything here takes no notice."""
            return builder.mul(builder.and_(value, constant(quads, 0xFFFFFFFF)), constant(quads, factor))

        def products(c0: Any, c2: Any) -> tuple[Any, Any]:
            return multiply(c0, PHILOX_MULTIPLIERS[0]), multiply(c2, PHILOX_MULTIPLIERS[1])

        def even_and_odd(value: Any, half: int) -> list[Any]:
            """The lower (0) or upper (1) halves of the lanes, 32 bits each, of even blocks and of odd ones."""
            value, nothing = builder.bitcast(value, doubles), ir.Constant(doubles, ir.Undefined)
            order = [2 * lane + 16 * vector + half for lane in range(8) for vector in (0, 1)]
            return [
                builder.shuffle_vector(value, nothing, ir.Constant(_DOUBLES, [_LANES * odd + lane for lane in order]))
                for odd in (0, 1)
            ]

        def put(row: int, words: list[Any], block: Any) -> None:
            even, odd = words
            low = builder.or_(builder.and_(even, lower_half), builder.shl(odd, constant(_DOUBLES, 16)))
            high = builder.or_(builder.lshr(even, constant(_DOUBLES, 16)), builder.and_(odd, builder.not_(lower_half)))
            for of_row, vector in ((2 * row, low), (2 * row + 1, high)):
                place = builder.add(builder.mul(stride, intp(of_row)), block)
                store(builder, builder.bitcast(vector, _WORDS), made, place)

        keys = [[splat_wide(key) for key in keys_of(round_)] for round_ in range(PHILOX_ROUNDS - 1)]
        lower_half = opaque(builder, constant(_DOUBLES, 0xFFFF))  # else LLVM permutes words, three operations for two
        last_keys = [splat(builder, key, _LANES // 2) for key in keys_of(PHILOX_ROUNDS - 1)]
        whole = builder.and_(wanted, intp(-_LANES))
        with cgutils.for_range_slice(builder, intp(0), whole, intp(_LANES)) as (block, _):
            c0 = builder.add(splat_wide(builder.add(begin, block)), blocks)
            c1, c2, c3 = splat_wide(number), constant(quads, 0), constant(quads, 0)
            for k0, k1 in keys:
                product0, product1 = products(c0, c2)
                upper0, upper1 = (builder.lshr(product, constant(quads, 32)) for product in (product0, product1))
                c0, c2 = (
                    builder.xor(builder.xor(upper, counter), key)
                    for upper, counter, key in ((upper1, c1, k0), (upper0, c3, k1))
                )
                c1, c3 = product1, product0
            product0, product1 = products(c0, c2)
            for row, product, counter, key in ((0, product1, c1, last_keys[0]), (2, product0, c3, last_keys[1])):
                uppers = zip(even_and_odd(product, 1), even_and_odd(counter, 0), strict=True)
                put(row, [builder.xor(builder.xor(upper, word), key) for upper, word in uppers], block)
                put(row + 1, even_and_odd(product, 0), block)
        return whole

    return types.intp(key0, key1, types.uint32, types.int64, types.int64, numbers), code_generator(generate)


def _step_adder(ends: int) -> Any:
    """The intrinsic that adds noise by a step table of one end or two."""

    @intrinsic
    def add(
        _context: Any, source: Any, target: Any, begin: Any, count: Any, numbers: Any, part: Any, table: Any
    ) -> Any:
        def generate(
            builder: Any, read: Any, write: Any, first: Any, wanted: Any, drawn: Any, row: Any, entries: Any
        ) -> Any:
            if not has_vector_lookup():
                return intp(0)
            vectors, numbers_from = Vectors(builder), _begin_of_row(builder, drawn, row)
            tables = [
                [load(builder, _WORDS, entries, intp(2 * _LANES * level + part)) for part in (0, _LANES)]
                for level in range(ends * len(SHIFTS))
            ]

            def less_noise(place: Any) -> Any:
                """What is to be subtracted, 32 words."""
                number = load(builder, _WORDS, drawn, place)
                is_upper = builder.ashr(number, constant(_WORDS, 15))  # -1 or 0
                distance = builder.xor(number, is_upper)
                nearness = [
                    builder.icmp_unsigned("<", distance, constant(_WORDS, CELLS << shift)) for shift in SHIFTS[1:]
                ]
                shifted = distance
                for shift, is_near in zip(SHIFTS[1:], nearness, strict=True):
                    shifted = builder.select(is_near, vectors.left(distance, FRACTION_BITS - shift), shifted)
                cell = vectors.right(shifted, FRACTION_BITS)
                found = []
                for end in range(ends):
                    of_end = tables[len(SHIFTS) * end : len(SHIFTS) * (end + 1)]
                    entry = vectors.permute(of_end[0], cell)
                    for level, is_near in zip(of_end[1:], nearness, strict=True):
                        entry = builder.select(is_near, vectors.permute(level, cell), entry)
                    found.append(entry)
                entry = found[0] if ends == 1 else builder.select(vectors.has_bit(number, 15), found[1], found[0])
                magnitude = vectors.right(builder.sub(entry, shifted), FRACTION_BITS)
                return builder.sub(builder.xor(magnitude, is_upper), is_upper)

            middle = constant(_BYTES, 128)  # of values less 128, the limits of a byte are those of the result
            whole = builder.and_(wanted, intp(-2 * _LANES))
            with cgutils.for_range_slice(builder, intp(0), whole, intp(2 * _LANES)) as (block, _):
                number, place = builder.add(numbers_from, block), builder.add(first, block)
                noise = vectors.to_bytes(*(less_noise(builder.add(number, intp(half))) for half in (0, _LANES)))
                value = builder.xor(load(builder, _BYTES, read, place), middle)
                store(builder, builder.xor(vectors.subtract_saturated(value, noise), middle), write, place)
            return whole

        arguments = source, target, types.int64, types.int64, numbers, types.int64, table
        return types.intp(*arguments), code_generator(generate)

    return add


add_noise_of_steps = _step_adder(1)
"""Add to `count` values of source [n] uint8 from `begin` on what a step table of one end has for numbers, into target.

numbers: uint16 [8, blocks], of which `part` is the row. The noise is of int8.
"""
add_noise_of_two_ends = _step_adder(2)
"""The same by a step table of two ends."""


@intrinsic
def add_shot_noise_of_pairs(
    _context: Any,
    source: Any,
    target: Any,
    begin: Any,
    count: Any,
    numbers: Any,
    part: Any,
    places: Any,
    pairs: Any,
    strength: Any,
) -> Any:
    """Add shot noise to `count` values of source [n] uint8 from `begin` on, that of a row of numbers: target.

    numbers: uint16 [8, blocks], of which `part` is the row. pairs: the table of `quantile_pairs`. places: uint16
    [blocks], of the numbers in it; entries are written over them. strength: int16 [256], by value. The noise is the
    product of quantile and strength / 2**20, rounded half up.

    Entries are loaded one by one, which leaves the units for vectors idle, and a vector of what was just written one by
    one would have to wait for it. So each step loads the entries of the next one.
    """

    def generate(
        builder: Any, read: Any, write: Any, first: Any, wanted: Any, drawn: Any, row: Any, *tables: Any
    ) -> Any:
        if not has_vector_lookup():
            return intp(0)
        found, table, strengths = tables
        vectors, numbers_from = Vectors(builder), _begin_of_row(builder, drawn, row)
        eighths = [load(builder, _WORDS, strengths, intp(eighth)) for eighth in range(0, 256, _LANES)]

        def find(block: Any) -> None:
            for offset in range(2 * _LANES):
                at = builder.add(block, intp(offset))
                in_table = builder.zext(value_at(builder, found, at), at.type)
                builder.store(value_at(builder, table, in_table), builder.gep(found.data, [at]))

        def quantiles_at(block: Any) -> Any:
            number = load(builder, _WORDS, drawn, builder.add(numbers_from, block))
            entry = load(builder, _WORDS, found, block)
            is_upper = builder.ashr(number, constant(_WORDS, 15))
            is_nearer = builder.xor(builder.xor(number, is_upper), constant(_WORDS, 1))
            magnitude = builder.add(vectors.right(entry, 1), vectors.mask(builder.and_(entry, is_nearer), 1))
            is_lower = builder.not_(is_upper)
            return builder.sub(builder.xor(magnitude, is_lower), is_lower)

        def noisy_at(block: Any) -> Any:
            value = builder.zext(load(builder, _HALF_BYTES, read, builder.add(first, block)), _WORDS)
            product = vectors.multiply_high(vectors.look_up(eighths, value), quantiles_at(block))
            noise = builder.ashr(builder.add(product, constant(_WORDS, 1 << 3)), constant(_WORDS, 4))
            return builder.add(value, noise)

        def add(block: Any) -> None:
            noisy = [noisy_at(builder.add(block, intp(half))) for half in (0, _LANES)]
            store(builder, vectors.to_bytes(noisy[0], noisy[1], is_signed=False), write, builder.add(first, block))

        whole = builder.and_(wanted, intp(-2 * _LANES))
        last = builder.sub(whole, intp(2 * _LANES))
        with builder.if_then(builder.icmp_signed(">=", last, intp(0))):
            find(intp(0))
            with cgutils.for_range_slice(builder, intp(0), last, intp(2 * _LANES)) as (block, _):
                find(builder.add(block, intp(2 * _LANES)))
                add(block)
            add(last)
        return whole

    arguments = source, target, types.int64, types.int64, numbers, types.int64, places, pairs, strength
    return types.intp(*arguments), code_generator(generate)


def _begin_of_row(builder: Any, rows: Any, row: Any) -> Any:
    """The place in an array [n, m] where a row begins."""
    return builder.mul(builder.extract_value(rows.shape, 1), row)
