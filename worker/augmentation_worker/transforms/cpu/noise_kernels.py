"""The loops of noise on the CPU, compiled by numba; see `kernels` for why."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from augmentation_worker.transforms.cpu.integer_intrinsics import add_saturated, multiply_rounded
from augmentation_worker.transforms.cpu.kernel_target import kernel_compiler
from augmentation_worker.transforms.cpu.kernels import (
    PHILOX_MULTIPLIERS,
    PHILOX_ROUNDS,
    PHILOX_WEYL,
    VALUES_PER_BLOCK,
)
from augmentation_worker.transforms.cpu.quantile_pairs import PAIRED_FROM
from augmentation_worker.transforms.cpu.vector_instructions import code_generator, constant, intp, splat, store
from augmentation_worker.transforms.cpu.vector_lookup import add_shot_noise_to_halves, has_vector_lookup, look_up_steps

_M0, _M1 = (np.uint64(value) for value in PHILOX_MULTIPLIERS)
_W0, _W1 = (np.uint32(value) for value in PHILOX_WEYL)
_THIRTY_TWO = np.uint64(32)
_BLOCKS = 512  # blocks whose words are held at a time: 8 KiB, in the nearest cache
_DOUBLE, _QUAD = ir.IntType(32), ir.IntType(64)

_compiled = kernel_compiler()


@intrinsic
def _philox_vectors(_context: Any, key0: Any, key1: Any, frame: Any, start: Any, count: Any, words: Any) -> Any:
    """What `philox_words` does, of as many blocks as whole vectors have. Returns how many these are.

    32 blocks at a time, as a block's rounds wait for each other; LLVM takes 16 of a loop. Where there are not AVX-512's
    32 registers of 512 bits it knows better: none.
    """

    def generate(builder: Any, key_low: Any, key_high: Any, number: Any, begin: Any, wanted: Any, made: Any) -> Any:
        if not has_vector_lookup():
            return intp(0)
        lanes = 32
        quads, doubles = (ir.VectorType(kind, lanes) for kind in (_QUAD, _DOUBLE))
        stride = builder.extract_value(made.shape, 1)

        def splat_wide(value: Any) -> Any:
            return splat(builder, builder.zext(value, _QUAD) if value.type == _DOUBLE else value, lanes)

        def key_of(round_: int, key: Any, weyl: int) -> Any:
            return splat_wide(builder.add(key, ir.Constant(_DOUBLE, round_ * weyl & 0xFFFFFFFF)))

        def multiply(value: Any, factor: int) -> Any:
            """The whole product of the lower halves; of what is above them, everything here takes no notice."""
            return builder.mul(builder.and_(value, constant(quads, 0xFFFFFFFF)), constant(quads, factor))

        keys = [
            [key_of(round_, key, weyl) for key, weyl in zip((key_low, key_high), PHILOX_WEYL, strict=True)]
            for round_ in range(PHILOX_ROUNDS)
        ]
        vectors = builder.udiv(wanted, intp(lanes))
        with cgutils.for_range(builder, vectors) as loop:
            block = builder.mul(loop.index, intp(lanes))
            c0 = builder.add(splat_wide(builder.add(begin, block)), ir.Constant(quads, list(range(lanes))))
            c1, c2, c3 = splat_wide(number), constant(quads, 0), constant(quads, 0)
            for k0, k1 in keys:
                product0, product1 = multiply(c0, PHILOX_MULTIPLIERS[0]), multiply(c2, PHILOX_MULTIPLIERS[1])
                upper0, upper1 = (builder.lshr(product, constant(quads, 32)) for product in (product0, product1))
                c0, c2 = (
                    builder.xor(builder.xor(upper, counter), key)
                    for upper, counter, key in ((upper1, c1, k0), (upper0, c3, k1))
                )
                c1, c3 = product1, product0
            for row, word in enumerate((c0, c1, c2, c3)):
                place = builder.add(builder.mul(stride, intp(row)), block)
                store(builder, builder.trunc(word, doubles), made, place)
        return builder.mul(vectors, intp(lanes))

    return types.intp(key0, key1, types.uint32, types.int64, types.int64, words), code_generator(generate)


@_compiled
def philox_words(key0, key1, frame, start, count, words):
    """Words [4, count] of the Philox4x32-10 blocks with the counters (start.., frame, 0, 0)."""
    for j in range(_philox_vectors(key0, key1, frame, start, count, words), count):
        c0, c1, c2, c3 = np.uint32(start + j), frame, np.uint32(0), np.uint32(0)
        k0, k1 = key0, key1
        for _ in range(PHILOX_ROUNDS):
            product0 = _M0 * np.uint64(c0)
            product1 = _M1 * np.uint64(c2)
            c0 = np.uint32(product1 >> _THIRTY_TWO) ^ c1 ^ k0
            c2 = np.uint32(product0 >> _THIRTY_TWO) ^ c3 ^ k1
            c1, c3 = np.uint32(product1), np.uint32(product0)
            k0, k1 = np.uint32(k0 + _W0), np.uint32(k1 + _W1)
        words[0, j], words[1, j], words[2, j], words[3, j] = c0, c1, c2, c3


@_compiled
def _look_up_normals(words, table, steps, normals):
    """What the table has for the lower and the upper 16 bits of each word [4, n]: normals [8, n]."""
    for row in range(4):
        if len(steps) and look_up_steps(words[row], normals[2 * row], normals[2 * row + 1], steps):
            continue
        _look_up_halves(words[row], table, normals[2 * row], normals[2 * row + 1])


@_compiled
def _look_up_halves(words, table, low, high):
    for j in range(len(words)):
        low[j] = table[words[j] & np.uint32(0xFFFF)]
        high[j] = table[words[j] >> np.uint32(16)]


@_compiled
def _part(values, part, blocks, start, held):
    """Of values [size] those that the part of the blocks from `start` on is for; fewer at the end."""
    begin = part * blocks + start
    return values[begin : max(begin, min(begin + held, len(values)))]


@_compiled
def _two_parts(values, row, blocks, start, held):
    """Those that the lower and the upper halves of a row of words are for."""
    return _part(values, 2 * row, blocks, start, held), _part(values, 2 * row + 1, blocks, start, held)


@_compiled
def _locate_pairs(numbers, places):
    """Where pairs of numbers [n] uint16 are in the table of `quantile_pairs`: places [n] uint16."""
    for j in range(len(numbers)):
        distance = np.uint16(numbers[j] ^ np.uint16(np.int16(numbers[j]) >> np.int16(15)))
        places[j] = min(distance, np.uint16(np.uint16(distance >> np.uint16(1)) + np.uint16(PAIRED_FROM // 2)))


@_compiled
def _to_quantiles(numbers, pairs, places):
    """Put quantiles of numbers [n] uint16, int16, in the place of places [n] uint16 in the table."""
    for j in range(len(numbers)):
        places[j] = pairs[places[j]]
    quantiles = places.view(np.int16)
    for j in range(len(numbers)):
        entry, is_upper = places[j], np.int16(np.int16(numbers[j]) >> np.int16(15))  # -1 or 0
        is_nearer = np.uint16(~(numbers[j] ^ np.uint16(is_upper)))
        magnitude = np.int16(np.uint16(entry >> np.uint16(1)) + np.uint16(np.uint16(entry & is_nearer) & np.uint16(1)))
        is_lower = np.int16(~is_upper)
        quantiles[j] = np.int16(np.int16(magnitude ^ is_lower) - is_lower)


@_compiled
def look_up_quantiles(numbers, pairs, quantiles):
    """Quantiles [n] int16 of numbers [n] uint16 by the table of `quantile_pairs`."""
    places = quantiles.view(np.uint16)
    _locate_pairs(numbers, places)
    _to_quantiles(numbers, pairs, places)


@_compiled
def _add_products(values, changed, quantiles, shift, strength, strengths):
    """Add to values [n] uint8 their strength times quantiles [n] uint32, the 16 bits from `shift` on."""
    for j in range(len(values)):
        strengths[j] = strength[values[j]]
    for j in range(len(values)):
        noise = multiply_rounded(strengths[j], np.int16(quantiles[j] >> shift))
        noisy = np.int16(np.int16(values[j]) + noise)
        changed[j] = np.uint8(min(max(noisy, np.int16(0)), np.int16(255)))


@_compiled
def add_shot_noise(frames, result, key0, key1, first_frame, pairs, strength):
    """Add shot noise to frames [N, values] uint8.

    pairs: the table of `quantile_pairs`. strength [256] int16: what quantiles are multiplied by, by value.
    """
    count, size = frames.shape
    blocks = (size + VALUES_PER_BLOCK - 1) // VALUES_PER_BLOCK
    words, places = np.empty((4, _BLOCKS), np.uint32), np.empty(2 * _BLOCKS, np.uint16)
    strengths = np.empty(_BLOCKS, np.int16)
    for index in range(count):
        source, target = frames[index], result[index]
        for start in range(0, blocks, _BLOCKS):
            held = min(_BLOCKS, blocks - start)
            philox_words(key0, key1, np.uint32(first_frame + index), start, held, words)
            for row in range(4):
                numbers, own = words[row, :held].view(np.uint16), places[: 2 * held]
                _locate_pairs(numbers, own)
                low, high = _two_parts(source, row, blocks, start, held)
                low_target, high_target = _two_parts(target, row, blocks, start, held)
                done = add_shot_noise_to_halves(high, low, high_target, low_target, numbers, own, pairs, strength)
                if done == len(low):
                    continue
                _to_quantiles(numbers[2 * done :], pairs, own[2 * done :])
                quantiles = own[2 * done :].view(np.uint32)
                _add_products(low[done:], low_target[done:], quantiles, np.uint32(0), strength, strengths)
                _add_products(high[done:], high_target[done:], quantiles, np.uint32(16), strength, strengths)


@_compiled
def _add(source, target, normals, blocks, start, held):
    for part in range(VALUES_PER_BLOCK):
        values, normal = _part(source, part, blocks, start, held), normals[part]
        changed = _part(target, part, blocks, start, held)
        for j in range(len(values)):
            noisy = np.int16(np.int16(values[j]) + np.int16(normal[j]))
            changed[j] = np.uint8(min(max(noisy, np.int16(0)), np.int16(255)))


@_compiled
def _add_bytes(source, target, normals, blocks, start, held):
    """The same where the noise is of bytes: of values less 128, the limits of a byte are those of the result."""
    half = np.uint8(128)
    for part in range(VALUES_PER_BLOCK):
        values, normal = _part(source, part, blocks, start, held), normals[part]
        changed = _part(target, part, blocks, start, held)
        for j in range(len(values)):
            changed[j] = np.uint8(np.uint8(add_saturated(np.int8(values[j] ^ half), np.int8(normal[j]))) ^ half)


@_compiled
def add_noise(frames, result, key0, key1, first_frame, table, steps):
    """Add noise to frames [N, values] uint8.

    table [65536] int8 or int16: the noise of each 16-bit random number. A table of bytes is looked up faster, and by
    vectors faster again if there is a step table of it; else steps is empty. Short loops of one kind each: what can be,
    is done by vector instructions.
    """
    count, size = frames.shape
    blocks = (size + VALUES_PER_BLOCK - 1) // VALUES_PER_BLOCK
    words, normals = np.empty((4, _BLOCKS), np.uint32), np.empty((VALUES_PER_BLOCK, _BLOCKS), table.dtype)
    for index in range(count):
        source, target = frames[index], result[index]
        for start in range(0, blocks, _BLOCKS):
            held = min(_BLOCKS, blocks - start)
            philox_words(key0, key1, np.uint32(first_frame + index), start, held, words)
            _look_up_normals(words, table, steps, normals)
            if table.itemsize == 1:
                _add_bytes(source, target, normals, blocks, start, held)
            else:
                _add(source, target, normals, blocks, start, held)
