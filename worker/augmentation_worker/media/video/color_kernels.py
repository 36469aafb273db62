"""swscale's conversion between RGB and 8-bit 4:2:0 video, in loops that numba compiles: its bits, in less time.

For sides that are even, and numbers as `swscale` has them. Sums wrap around at 32 bits, as there.

To YUV, R, G, B and a constant of each pixel are two pairs of words, which are multiplied by the factors of Y, and the
sums of those of two neighbours by the factors of U and V. Of such a sum of products swscale drops nine bits (ten of
chroma), doubles it, stretches it if the range is full, and rounds to a byte. If nothing is stretched, luma is rounded
at once, and chroma is held as half of what swscale has, less 8160: four rows of it add up within 16 bits. With each
matrix of `swscale` all results are in 0..255, and sums of products within 32 bits: nothing is clipped. Tests compare
the ends.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from augmentation_worker.transforms.cpu.kernel_target import kernel_compiler
from augmentation_worker.transforms.cpu.vector_instructions import code_generator, intp, store
from augmentation_worker.transforms.cpu.word_pairs import WordPairs, for_row

_compiled = kernel_compiler()
_UNIT = 128
"""The constant of each pixel."""
_NUMBERS = 6
"""Of a plane: the factors of R, G, B and _UNIT, then the factor and the summand that stretch it."""


@_compiled
def _spread(row, spread, is_left):
    """Chroma of a row [W / 2] uint8 at each pixel of it [W] int16, times 128."""
    last = len(row) - 1
    if is_left:
        for x in range(last):
            here, beyond = np.int16(row[x]), np.int16(row[x + 1])
            spread[2 * x] = np.int16(here * np.int16(128))
            spread[2 * x + 1] = np.int16((here + beyond) * np.int16(64))
        spread[2 * last] = spread[2 * last + 1] = np.int16(np.int16(row[last]) * np.int16(128))
        return
    for x in range(1, last):
        before, here, beyond = np.int16(row[x - 1]), np.int16(row[x]), np.int16(row[x + 1])
        spread[2 * x] = np.int16((before + here * np.int16(3)) * np.int16(32))
        spread[2 * x + 1] = np.int16((beyond + here * np.int16(3)) * np.int16(32))
    first, second, end = np.int16(row[0]), np.int16(row[1]), np.int16(row[last])
    spread[0] = np.int16(first * np.int16(128))
    spread[1] = np.int16((second + first * np.int16(3)) * np.int16(32))
    spread[2 * last] = np.int16((np.int16(row[last - 1]) + end * np.int16(3)) * np.int16(32))
    spread[2 * last + 1] = np.int16(end * np.int16(128))


@_compiled
def _to_rgb_row(y, near_u, far_u, near_v, far_v, red, green, blue, factors):
    y_factor, y_offset, v_to_r, v_to_g, u_to_g, u_to_b = factors
    for x in range(len(y)):
        light = np.int32(np.int32(np.int32(y[x]) * np.int32(512) - y_offset) * y_factor + np.int32(1 << 21))
        u = np.int32(np.int32(far_u[x]) + np.int32(near_u[x]) * np.int32(3) - np.int32(1 << 16))
        v = np.int32(np.int32(far_v[x]) + np.int32(near_v[x]) * np.int32(3) - np.int32(1 << 16))
        r = np.int32(light + np.int32(v * v_to_r))
        g = np.int32(np.int32(light + np.int32(v * v_to_g)) + np.int32(u * u_to_g))
        b = np.int32(light + np.int32(u * u_to_b))
        red[x] = np.uint8(min(max(r, np.int32(0)), np.int32((1 << 30) - 1)) >> np.int32(22))
        green[x] = np.uint8(min(max(g, np.int32(0)), np.int32((1 << 30) - 1)) >> np.int32(22))
        blue[x] = np.uint8(min(max(b, np.int32(0)), np.int32((1 << 30) - 1)) >> np.int32(22))


@_compiled
def to_rgb(y, u, v, pixels, factors, is_left):
    """Write pixels [3, H, W] of planes y [H, W or more], u and v [H / 2, W / 2 or more], whose rows may be padded.

    factors int32 [6]: as of `swscale.YuvToRgb`.
    """
    _, height, width = pixels.shape
    rows = height // 2
    spread_u, spread_v = np.empty((rows, width), np.int16), np.empty((rows, width), np.int16)
    numbers = (factors[0], factors[1], factors[2], factors[3], factors[4], factors[5])
    for row in range(rows):
        _spread(u[row, : width // 2], spread_u[row], is_left)
        _spread(v[row, : width // 2], spread_v[row], is_left)
    for row in range(height):
        near = row // 2
        far = min(max(near + (1 if row % 2 else -1), 0), rows - 1)
        _to_rgb_row(
            y[row, :width],
            spread_u[near],
            spread_u[far],
            spread_v[near],
            spread_v[far],
            pixels[0, row],
            pixels[1, row],
            pixels[2, row],
            numbers,
        )


def _row_mixer(is_stretched: bool) -> Any:
    luma_bit, chroma_bit = (21, 14) if is_stretched else (15, 10)

    @intrinsic
    def mix_row(
        _context: Any, pixels: Any, places: Any, width: Any, luma: Any, begin: Any, chroma: Any, at: Any, numbers: Any
    ) -> Any:
        """Luma of a row of pixels, and chroma of every two of them, as a `_row_joiner`'s takes it.

        pixels: uint8. places: where the row's R, G and B begin. luma: uint8, filled from `begin` on. chroma: int16,
        filled with U and V from the two places `at` on. numbers: of `_numbers`.
        """

        def generate(
            builder: Any, values: Any, colors: Any, length: Any, y: Any, start: Any, uv: Any, targets: Any, table: Any
        ) -> None:
            def begin_mixing(words: WordPairs) -> Callable[[Any], None]:
                numbers_of = [[words.splat(table, at) for at in range(at, at + _NUMBERS)] for at in range(0, 18, 6)]
                pairs = [
                    [words.words_from(0, low, high) for low, high in (of_plane[:2], of_plane[2:4])]
                    for of_plane in numbers_of
                ]
                factors = [(of_plane, [words.turn(pair) for pair in of_plane]) for of_plane in pairs]

                def weigh(plane: int, values: Sequence[Any], is_turned: bool) -> Any:
                    mixed = builder.add(*map(words.multiply_and_add, values, factors[plane][is_turned]))
                    if not is_stretched:
                        return mixed
                    exact = words.shift(words.shift(mixed, 10 if plane else 9, is_signed=True), -1)
                    factor, summand = numbers_of[plane][4:]
                    return builder.add(builder.mul(exact, factor), summand)

                def mix(x: Any) -> None:
                    r, g, b = (words.load(values, builder.add(builder.extract_value(colors, i), x)) for i in range(3))
                    # Pixels 0 and 1 of a lane are R and G, B and the constant; of pixels 2 and 3 both pairs are turned.
                    low, high = words.pair(r, g)
                    odd = words.odd_bytes(b)
                    four = [
                        (words.even_bytes(low), words.choose(0xFF, b, words.all(0, _UNIT))),
                        (words.odd_bytes(low), words.choose(0xFFFF, odd, words.all(0, _UNIT))),
                        (words.even_bytes(high), words.choose(0xFF0000, b, words.all(_UNIT, 0))),
                        (words.odd_bytes(high), words.choose(0xFFFF0000, odd, words.all(_UNIT, 0))),
                    ]
                    lumas = [weigh(0, pixel, is_turned=i >= 2) for i, pixel in enumerate(four)]
                    store(builder, words.bytes_from(luma_bit, lumas), y, builder.add(start, x))
                    two = [list(map(builder.add, *four[i : i + 2])) for i in (0, 2)]
                    for plane in (1, 2):
                        both = [weigh(plane, pixels, is_turned=i == 1) for i, pixels in enumerate(two)]
                        target = builder.add(builder.extract_value(targets, plane - 1), builder.lshr(x, intp(1)))
                        store(builder, words.words_from(chroma_bit, *both), uv, target)

                return mix

            for_row(builder, length, begin_mixing)

        arguments = pixels, places, width, luma, begin, chroma, at, numbers
        return types.void(*arguments), code_generator(generate)

    return mix_row


def _row_joiner(is_stretched: bool) -> Any:
    @intrinsic
    def join_rows(_context: Any, chroma: Any, places: Any, width: Any, plane: Any, begin: Any) -> Any:
        """A row of a plane of chroma of four rows of pixels, of which the middle two weigh three times as much.

        chroma: int16. places: where the four rows begin. width: how many pixels a row has. plane: uint8, filled from
        `begin` on.
        """

        def generate(builder: Any, uv: Any, rows: Any, length: Any, target: Any, start: Any) -> None:
            def begin_joining(words: WordPairs) -> Callable[[Any], None]:
                def join(x: Any) -> None:
                    half = builder.lshr(x, intp(1))
                    before, first, second, after = (
                        words.load(uv, builder.add(builder.extract_value(rows, i), half)) for i in range(4)
                    )
                    if is_stretched:
                        outer_inner = zip(words.pair(before, first), words.pair(after, second), strict=True)
                        weights = words.all(1, 3), words.all(3, 1)
                        sums = [
                            builder.add(*(words.multiply_and_add(pair, weight) for pair in both))
                            for both, weight in zip(outer_inner, weights, strict=True)
                        ]
                        rounded = [builder.add(each, words.all(1 << 9, 0)) for each in sums]
                        joined = words.words_from(10, *rounded)
                    else:
                        # Half of outer + 3 inner, rounded down, is half of outer + inner, and inner.
                        inner = words.add_words(first, second)
                        all_four = words.add_words(words.add_words(before, after), inner)
                        total = words.add_words(words.halve_words(all_four), inner)
                        joined = words.odd_bytes(words.add_words(total, words.all(128 << 8, 128 << 8)))
                    store(builder, words.bytes_of(joined), target, builder.add(start, half))

                return join

            for_row(builder, length, begin_joining)

        return types.void(chroma, places, width, plane, begin), code_generator(generate)

    return join_rows


_mix_row, _mix_and_stretch_row = _row_mixer(False), _row_mixer(True)
_join_rows, _join_stretched_rows = _row_joiner(False), _row_joiner(True)


@_compiled
def _numbers(factors, is_stretched):
    """What rows are mixed by, int32 [3 * _NUMBERS]: factors as of `to_yuv`, and all that is added."""
    numbers = np.empty((3, _NUMBERS), np.int32)
    numbers[:, :3], numbers[:, 4:] = factors[:, :3], factors[:, 3:]
    luma, chroma = 0x801 << 8, 1 << 9  # 16 and 0, and what makes rounding of dropping
    if is_stretched:
        numbers[0, 5] += 1 << 20
        for plane in range(1, 3):
            numbers[plane, 5] += numbers[plane, 4] << 14
    else:
        luma, chroma = luma + (1 << 14), chroma + (1 << 15)
    numbers[0, 3], numbers[1:, 3] = luma // _UNIT, chroma // (2 * _UNIT)
    return numbers.reshape(-1)


@_compiled
def to_yuv(pixels, y, u, v, factors):
    """Write planes of pixels, shaped as of `to_rgb`; factors int32 [3, 5]: of R, G and B in Y, U and V, and stretch.

    Four rows of chroma are held, U and V of each in turns.
    """
    _, height, width = pixels.shape
    half, size = width // 2, height * width
    is_stretched = factors[0, 3] != 1 << 14
    numbers = _numbers(factors, is_stretched)
    values, luma, chroma = pixels.reshape(-1), y.reshape(-1), np.empty(4 * width, np.int16)
    for row in range(height + 1):
        if row < height:
            begin, held = row * width, (row & 3) * width
            colors, halves = (begin, begin + size, begin + 2 * size), (held, held + half)
            if is_stretched:
                _mix_and_stretch_row(values, colors, width, luma, row * y.shape[1], chroma, halves, numbers)
            else:
                _mix_row(values, colors, width, luma, row * y.shape[1], chroma, halves, numbers)
        if row == 0 or row & 1:
            continue
        for plane in range(2):
            target, first = (u, 0) if plane == 0 else (v, half)
            rows = (
                first + (max(row - 3, 0) & 3) * width,
                first + ((row - 2) & 3) * width,
                first + ((row - 1) & 3) * width,
                first + (min(row, height - 1) & 3) * width,
            )
            begin = (row // 2 - 1) * target.shape[1]
            if is_stretched:
                _join_stretched_rows(chroma, rows, width, target.reshape(-1), begin)
            else:
                _join_rows(chroma, rows, width, target.reshape(-1), begin)
