"""The loops of noise on the CPU, compiled by numba; see `kernels` for why."""

import numpy as np

from augmentation_worker.transforms.cpu.integer_intrinsics import add_saturated, multiply_rounded
from augmentation_worker.transforms.cpu.kernel_target import kernel_compiler
from augmentation_worker.transforms.cpu.kernels import (
    PHILOX_MULTIPLIERS,
    PHILOX_ROUNDS,
    PHILOX_WEYL,
    VALUES_PER_BLOCK,
)
from augmentation_worker.transforms.cpu.noise_vectors import (
    FOUND,
    SHOT_NOISE_BLOCKS,
    add_noise_of_steps,
    add_noise_of_two_ends,
    add_shot_noise_of_pairs,
    has_shot_noise_by_vectors,
    make_numbers,
)
from augmentation_worker.transforms.cpu.quantile_pairs import PAIRED_FROM
from augmentation_worker.transforms.cpu.step_table import STEPS_OF_END

_M0, _M1 = (np.uint64(value) for value in PHILOX_MULTIPLIERS)
_W0, _W1 = (np.uint32(value) for value in PHILOX_WEYL)
_SIXTEEN, _THIRTY_TWO = np.uint32(16), np.uint64(32)
_BLOCKS = 1024  # blocks whose numbers are held at a time: 16 KiB, in the nearest cache
_SHOT_NOISE_BLOCKS = 512  # the same of shot noise, which holds places, too, and those of the next blocks

_compiled = kernel_compiler()


@_compiled
def philox_numbers(key0, key1, frame, start, count, numbers):
    """Numbers [8, count] uint16 of the Philox4x32-10 blocks with the counters (start.., frame, 0, 0).

    Of each of a block's four words the lower 16 bits, then the upper ones.
    """
    for j in range(make_numbers(key0, key1, frame, start, count, numbers), count):
        c0, c1, c2, c3 = np.uint32(start + j), frame, np.uint32(0), np.uint32(0)
        k0, k1 = key0, key1
        for _ in range(PHILOX_ROUNDS):
            product0 = _M0 * np.uint64(c0)
            product1 = _M1 * np.uint64(c2)
            c0 = np.uint32(product1 >> _THIRTY_TWO) ^ c1 ^ k0
            c2 = np.uint32(product0 >> _THIRTY_TWO) ^ c3 ^ k1
            c1, c3 = np.uint32(product1), np.uint32(product0)
            k0, k1 = np.uint32(k0 + _W0), np.uint32(k1 + _W1)
        numbers[0, j], numbers[1, j] = np.uint16(c0), np.uint16(c0 >> _SIXTEEN)
        numbers[2, j], numbers[3, j] = np.uint16(c1), np.uint16(c1 >> _SIXTEEN)
        numbers[4, j], numbers[5, j] = np.uint16(c2), np.uint16(c2 >> _SIXTEEN)
        numbers[6, j], numbers[7, j] = np.uint16(c3), np.uint16(c3 >> _SIXTEEN)


@_compiled
def _length(size, begin, held):
    """How many of the values [size] are among the `held` from `begin` on."""
    return max(0, min(held, size - begin))


@_compiled
def _aligned_words(count):
    """[count] uint16 that begin where 64 bytes do: vectors of words that do not lie across two of these are faster."""
    words = np.empty(count + 32, np.uint16)
    begin = -words.ctypes.data % 64 // 2
    return words[begin : begin + count]


@_compiled
def _room_for_vectors():
    """What `_add_shot_noise_by_vectors` needs: numbers and next ones [8, blocks], places and next ones, entries."""
    count = VALUES_PER_BLOCK * _SHOT_NOISE_BLOCKS
    numbers, next_numbers = _aligned_words(count), _aligned_words(count)
    places, next_places = _aligned_words(count + FOUND), _aligned_words(count + FOUND)
    places[count:] = next_places[count:] = 0
    shape = (VALUES_PER_BLOCK, _SHOT_NOISE_BLOCKS)
    return numbers.reshape(shape), next_numbers.reshape(shape), places, next_places, _aligned_words(FOUND)


@_compiled
def _locate_pairs(numbers, part, count, places):
    """Where pairs of the first numbers of a row [8, n] uint16 are in the table of `quantile_pairs`: places [n] uint16.

    Of a row that is passed by itself references would be counted, which takes as long as this.
    """
    for j in range(count):
        number = numbers[part, j]
        distance = np.uint16(number ^ np.uint16(np.int16(number) >> np.int16(15)))
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
    _locate_pairs(numbers.reshape(1, -1), 0, len(numbers), places)
    _to_quantiles(numbers, pairs, places)


@_compiled
def _add_products(values, changed, quantiles, strength, strengths):
    """Add to values [n] uint8 their strength times quantiles [n] int16."""
    for j in range(len(values)):
        strengths[j] = strength[values[j]]
    for j in range(len(values)):
        noisy = np.int16(np.int16(values[j]) + multiply_rounded(strengths[j], quantiles[j]))
        changed[j] = np.uint8(min(max(noisy, np.int16(0)), np.int16(255)))


@_compiled
def _add_shot_noise_by_vectors(source, target, key0, key1, frame, pairs, strength, room):
    """Add shot noise to the values [size] of a frame, as far as vectors do that. Returns to how many blocks.

    The numbers of the next blocks are made while noise is added for these.
    """
    if not has_shot_noise_by_vectors():
        return 0
    numbers, next_numbers, places, next_places, found = room
    blocks = (len(source) + VALUES_PER_BLOCK - 1) // VALUES_PER_BLOCK
    whole = len(source) - (VALUES_PER_BLOCK - 1) * blocks  # the last part may be shorter than the others
    whole -= whole % SHOT_NOISE_BLOCKS
    made = 0
    for start in range(0, whole, _SHOT_NOISE_BLOCKS):
        held = min(_SHOT_NOISE_BLOCKS, whole - start)
        if made < held:
            philox_numbers(key0, key1, frame, start, held, numbers)
            for part in range(VALUES_PER_BLOCK):
                _locate_pairs(numbers, part, held, places[part * _SHOT_NOISE_BLOCKS :])
        these, following = (numbers, places), (frame, start + held, next_numbers, next_places)
        add_shot_noise_of_pairs(
            source, target, start, blocks, held, *these, found, pairs, strength, key0, key1, *following
        )
        made = held
        numbers, next_numbers = next_numbers, numbers
        places, next_places = next_places, places
    return max(whole, 0)


@_compiled
def _add_shot_noise_to_parts(source, target, numbers, blocks, start, held, pairs, strength, places, strengths):
    """Add shot noise to the values [size] of a frame that `held` blocks from `start` on are for."""
    for part in range(VALUES_PER_BLOCK):
        begin = part * blocks + start
        count = _length(len(source), begin, held)
        _locate_pairs(numbers, part, count, places)
        values, changed, of_part = source[begin : begin + count], target[begin : begin + count], places[:count]
        _to_quantiles(numbers[part, :count], pairs, of_part)
        _add_products(values, changed, of_part.view(np.int16), strength, strengths)


@_compiled
def add_shot_noise(frames, result, key0, key1, first_frame, pairs, strength):
    """Add shot noise to frames [N, values] uint8.

    pairs: the table of `quantile_pairs`. strength [256] int16: what quantiles are multiplied by, by value.
    """
    count, size = frames.shape
    blocks = (size + VALUES_PER_BLOCK - 1) // VALUES_PER_BLOCK
    numbers, places = np.empty((VALUES_PER_BLOCK, _BLOCKS), np.uint16), np.empty(_BLOCKS, np.uint16)
    strengths = np.empty(_BLOCKS, np.int16)
    room = _room_for_vectors()
    for index in range(count):
        source, target, frame = frames[index], result[index], np.uint32(first_frame + index)
        done = _add_shot_noise_by_vectors(source, target, key0, key1, frame, pairs, strength, room)
        for start in range(done, blocks, _BLOCKS):
            held = min(_BLOCKS, blocks - start)
            philox_numbers(key0, key1, frame, start, held, numbers)
            _add_shot_noise_to_parts(source, target, numbers, blocks, start, held, pairs, strength, places, strengths)


@_compiled
def _add_steps(source, target, begin, count, numbers, part, steps):
    """Add noise by a step table, as far as vectors do that. Returns how many values have it."""
    if len(steps) == STEPS_OF_END:
        return add_noise_of_steps(source, target, begin, count, numbers, part, steps)
    if len(steps):
        return add_noise_of_two_ends(source, target, begin, count, numbers, part, steps)
    return 0


@_compiled
def _add_looked_up(values, changed, numbers, table, normals):
    """Add noise of numbers [n] uint16 to values [n] uint8. Short loops of one kind each: what can be, vectors do.

    Where the table is of bytes: of values less 128, the limits of a byte are those of the result.
    """
    half = np.uint8(128)
    for j in range(len(values)):
        normals[j] = table[numbers[j]]
    if table.itemsize == 1:
        for j in range(len(values)):
            noisy = add_saturated(np.int8(values[j] ^ half), np.int8(normals[j]))
            changed[j] = np.uint8(np.uint8(noisy) ^ half)
    else:
        for j in range(len(values)):
            noisy = np.int16(np.int16(values[j]) + np.int16(normals[j]))
            changed[j] = np.uint8(min(max(noisy, np.int16(0)), np.int16(255)))


@_compiled
def _add_to_parts(source, target, numbers, blocks, start, held, table, steps, normals):
    """Add noise to the values [size] of a frame that `held` blocks from `start` on are for."""
    for part in range(VALUES_PER_BLOCK):
        begin = part * blocks + start
        count = _length(len(source), begin, held)
        done = _add_steps(source, target, begin, count, numbers, part, steps)
        if done < count:
            values, changed = source[begin + done : begin + count], target[begin + done : begin + count]
            _add_looked_up(values, changed, numbers[part, done:count], table, normals)


@_compiled
def add_noise(frames, result, key0, key1, first_frame, table, steps):
    """Add noise to frames [N, values] uint8.

    table [65536] int8 or int16: the noise of each 16-bit random number. A table of bytes is looked up faster, and by
    vectors faster again if there is a step table of it; else steps is empty.
    """
    count, size = frames.shape
    blocks = (size + VALUES_PER_BLOCK - 1) // VALUES_PER_BLOCK
    numbers, normals = np.empty((VALUES_PER_BLOCK, _BLOCKS), np.uint16), np.empty(_BLOCKS, table.dtype)
    for index in range(count):
        source, target = frames[index], result[index]
        for start in range(0, blocks, _BLOCKS):
            held = min(_BLOCKS, blocks - start)
            philox_numbers(key0, key1, np.uint32(first_frame + index), start, held, numbers)
            _add_to_parts(source, target, numbers, blocks, start, held, table, steps, normals)
