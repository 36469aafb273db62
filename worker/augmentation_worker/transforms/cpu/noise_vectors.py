"""What the kernels of noise do by AVX-512's vectors: random numbers, gaussian noise by steps, and shot noise.

As in `vector_lookup`: a function here does as many values as it can by whole vectors, and returns how many, none where
the kernel is compiled for another processor. All arrays are contiguous.
"""

from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from augmentation_worker.transforms.cpu.kernels import PHILOX_MULTIPLIERS, PHILOX_ROUNDS, PHILOX_WEYL, VALUES_PER_BLOCK
from augmentation_worker.transforms.cpu.quantile_pairs import PAIRED_FROM
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
    """What `noise_kernels.philox_numbers` does, of as many blocks as whole vectors have. Returns how many these are."""

    def generate(builder: Any, key_low: Any, key_high: Any, number: Any, begin: Any, wanted: Any, made: Any) -> Any:
        if not has_vector_lookup():
            return intp(0)
        make = _number_maker(builder, key_low, key_high, number, begin, made)
        whole = builder.and_(wanted, intp(-_LANES))
        with cgutils.for_range_slice(builder, intp(0), whole, intp(_LANES)) as (block, _):
            for _ in make(block):
                pass
        return whole

    return types.intp(key0, key1, types.uint32, types.int64, types.int64, numbers), code_generator(generate)


def _number_maker(
    builder: Any, key_low: Any, key_high: Any, number: Any, begin: Any, made: Any, located: Any = None
) -> Callable[[Any], Iterator[None]]:
    """What generates the code that makes the numbers of 32 blocks from a place on, in 13 parts of about equal length.

    Also where pairs of them are in the table of `quantile_pairs`, if there is an array for it.

    32 blocks at a time, as a block's rounds wait for each other; LLVM takes 16 of a loop. Where there are not AVX-512's
    32 registers of 512 bits it knows better: none.

    A block's word is the lower half of a lane of 64 bits until the last round, which joins the words of two vectors.
    Which block is in which lane is such that the numbers come out in order: of each four blocks that follow each other,
    the first are in the first vector, the third in the second, the second in the third.
    """
    quads, doubles = ir.VectorType(_QUAD, _LANES), ir.VectorType(_DOUBLE, 2 * _LANES)
    blocks = ir.Constant(quads, [4 * lane + place for place in (0, 2, 1, 3) for lane in range(_LANES // 4)])
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

    def places_of(numbers: Any) -> Any:
        """What `noise_kernels._locate_pairs` does."""
        distance = builder.xor(numbers, builder.ashr(numbers, constant(_WORDS, 15)))
        paired = builder.add(builder.lshr(distance, constant(_WORDS, 1)), constant(_WORDS, PAIRED_FROM // 2))
        return builder.select(builder.icmp_unsigned("<", distance, paired), distance, paired)

    def put(row: int, words: list[Any], block: Any) -> None:
        even, odd = words
        low = builder.or_(builder.and_(even, lower_half), builder.shl(odd, constant(_DOUBLES, 16)))
        high = builder.or_(builder.lshr(even, constant(_DOUBLES, 16)), builder.and_(odd, builder.not_(lower_half)))
        for of_row, vector in ((2 * row, low), (2 * row + 1, high)):
            place = builder.add(builder.mul(stride, intp(of_row)), block)
            numbers = builder.bitcast(vector, _WORDS)
            store(builder, numbers, made, place)
            if located is not None:
                store(builder, places_of(numbers), located, place)

    keys = [[splat_wide(key) for key in keys_of(round_)] for round_ in range(PHILOX_ROUNDS - 1)]
    lower_half = opaque(builder, constant(_DOUBLES, 0xFFFF))  # else LLVM permutes words, three operations for two
    last_keys = [splat(builder, key, _LANES // 2) for key in keys_of(PHILOX_ROUNDS - 1)]

    def make(block: Any) -> Iterator[None]:
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
            yield
        product0, product1 = products(c0, c2)
        for row, product, counter, key in ((0, product1, c1, last_keys[0]), (2, product0, c3, last_keys[1])):
            uppers = zip(even_and_odd(product, 1), even_and_odd(counter, 0), strict=True)
            put(row, [builder.xor(builder.xor(upper, word), key) for upper, word in uppers], block)
            yield
            put(row + 1, even_and_odd(product, 0), block)
            yield

    return make


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


SHOT_NOISE_BLOCKS = 8 * _LANES
"""Whole multiples of so many blocks have their shot noise added by vectors."""
FOUND = 4 * _LANES
"""How many entries `add_shot_noise_of_pairs` holds: those of the values it adds to, and of the next ones."""


@intrinsic
def has_shot_noise_by_vectors(_context: Any) -> Any:
    """Whether `add_shot_noise_of_pairs` does anything on the processor that the kernel is compiled for."""
    return types.boolean(), code_generator(lambda _builder: ir.Constant(ir.IntType(1), has_vector_lookup()))


@intrinsic
def add_shot_noise_of_pairs(
    _context: Any,
    source: Any,
    target: Any,
    begin: Any,
    stride: Any,
    count: Any,
    numbers: Any,
    places: Any,
    found: Any,
    pairs: Any,
    strength: Any,
    key0: Any,
    key1: Any,
    frame: Any,
    next_start: Any,
    next_numbers: Any,
    next_places: Any,
) -> Any:
    """Add the shot noise of `count` blocks, n * SHOT_NOISE_BLOCKS, to values of source [size] uint8, into target.

    Those of a row of numbers begin `stride` after those of the row before it. Makes the numbers of as many blocks from
    `next_start` on, too, and their places. Only where `has_shot_noise_by_vectors`.

    numbers: uint16 [8, blocks]. places: uint16 [8 * blocks + FOUND], where numbers are in the table, and zeros at the
    end. next_numbers, next_places: like these. found: uint16 [FOUND], written over. pairs: the table of
    `quantile_pairs`. strength: int16 [256], by value. The noise is the product of quantile and strength / 2**20,
    rounded half up.

    Entries are loaded one by one, which leaves the units for vectors idle, and a vector of what was just written one by
    one would have to wait for it. So each step loads the entries of the next one, the last step those of zeros; and in
    between are the parts of what makes numbers: 256 values need those of 32 blocks.
    """

    def generate(
        builder: Any,
        read: Any,
        write: Any,
        first: Any,
        between_rows: Any,
        wanted: Any,
        drawn: Any,
        located: Any,
        entries: Any,
        table: Any,
        strengths: Any,
        *generator: Any,
    ) -> None:
        if not has_vector_lookup():
            return
        vectors, make = Vectors(builder), _number_maker(builder, *generator)
        eighths = [load(builder, _WORDS, strengths, intp(eighth)) for eighth in range(0, 256, _LANES)]
        step = 2 * _LANES

        def find(place: Any, slot: int) -> None:
            in_table = builder.zext(value_at(builder, located, place), place.type)
            builder.store(value_at(builder, table, in_table), builder.gep(entries.data, [intp(slot)]))

        def quantiles_at(number_at: Any, slot: int) -> Any:
            number = load(builder, _WORDS, drawn, number_at)
            entry = load(builder, _WORDS, entries, intp(slot))
            is_upper = builder.ashr(number, constant(_WORDS, 15))
            is_nearer = builder.xor(builder.xor(number, is_upper), constant(_WORDS, 1))
            magnitude = builder.add(vectors.right(entry, 1), vectors.mask(builder.and_(entry, is_nearer), 1))
            is_lower = builder.not_(is_upper)
            return builder.sub(builder.xor(magnitude, is_lower), is_lower)

        def noisy_at(place: Any, number_at: Any, slot: int) -> Any:
            value = builder.zext(load(builder, _HALF_BYTES, read, place), _WORDS)
            product = vectors.multiply_high(vectors.look_up(eighths, value), quantiles_at(number_at, slot))
            noise = builder.ashr(builder.add(product, constant(_WORDS, 1 << 3)), constant(_WORDS, 4))
            return builder.add(value, noise)

        def add(place: Any, number_at: Any, slot: int) -> None:
            noisy = [
                noisy_at(builder.add(place, intp(half)), builder.add(number_at, intp(half)), slot + half)
                for half in (0, _LANES)
            ]
            store(builder, vectors.to_bytes(noisy[0], noisy[1], is_signed=False), write, place)

        for offset in range(step):
            find(intp(offset), offset)
        with cgutils.for_range_slice(builder, intp(0), intp(VALUES_PER_BLOCK), intp(1)) as (row, _):
            row_begin = builder.add(first, builder.mul(row, between_rows))
            row_of_numbers = _begin_of_row(builder, drawn, row)
            next_row = _begin_of_row(builder, drawn, builder.add(row, intp(1)))
            with cgutils.for_range_slice(builder, intp(0), wanted, intp(SHOT_NOISE_BLOCKS)) as (block, _):
                here = builder.add(row_of_numbers, block)
                is_end_of_row = builder.icmp_signed("==", builder.add(block, intp(SHOT_NOISE_BLOCKS)), wanted)
                after_these = builder.select(is_end_of_row, next_row, builder.add(here, intp(SHOT_NOISE_BLOCKS)))
                parts = make(builder.udiv(builder.add(builder.mul(row, wanted), block), intp(VALUES_PER_BLOCK)))
                for begin_of_step in range(0, SHOT_NOISE_BLOCKS, step):
                    slot = begin_of_step % FOUND
                    is_last = begin_of_step + step == SHOT_NOISE_BLOCKS
                    ahead = after_these if is_last else builder.add(here, intp(begin_of_step + step))
                    for offset in range(step):
                        find(builder.add(ahead, intp(offset)), step - slot + offset)
                        if offset % 16 == 15:
                            next(parts, None)
                    place = builder.add(builder.add(row_begin, block), intp(begin_of_step))
                    add(place, builder.add(here, intp(begin_of_step)), slot)

    arguments = source, target, types.int64, types.int64, types.int64, numbers, places, found, pairs, strength
    generator = key0, key1, types.uint32, types.int64, next_numbers, next_places
    return types.void(*arguments, *generator), code_generator(generate)


def _begin_of_row(builder: Any, rows: Any, row: Any) -> Any:
    """The place in an array [n, m] where a row begins."""
    return builder.mul(builder.extract_value(rows.shape, 1), row)
