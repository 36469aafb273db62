"""swscale's conversion between RGB and 8-bit 4:2:0 video, in loops that numba compiles: its bits, in less time.

For sides that are even, and numbers as `swscale` has them. Sums wrap around at 32 bits, as there.

To YUV, R, G, B and a constant of each pixel are two pairs of words, which are multiplied by the factors of Y, and the
sums of those of two neighbours by the factors of U and V. Of such a sum of products swscale drops nine bits (ten of
chroma), doubles it, stretches it if the range is full, and rounds to a byte. If nothing is stretched, luma is rounded
at once, and chroma is held as half of what swscale has, less 8160: four rows of it add up within 16 bits. With each
matrix of `swscale` all results are in 0..255, and sums of products within 32 bits: nothing is clipped. Tests compare
the ends.

To RGB, swscale's sums have 22 fractional bits. All summands are multiples of 32, and a 32nd of them is added up here,
for which a pixel's luma times 8 and its U or V times 16 are a pair of words. What all pixels have in common is then a
multiple of 2048, and is added in the end, to the 16 bits from the 11th on. These are the upper half of swscale's sum,
and wrap around where it does, before it is clipped.
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
"""To YUV, the constant of each pixel."""
_YUV_NUMBERS = 6
"""Of a plane: the factors of R, G, B and _UNIT, then the factor and the summand that stretch it."""
_RGB_NUMBERS = 16


@intrinsic
def _weigh_rows(_context: Any, plane: Any, places: Any, width: Any, sums: Any, begin: Any) -> Any:
    """Three times a row of a plane of chroma, and another one; both begin at places, the sums int16 at `begin`."""

    def generate(builder: Any, chroma: Any, rows: Any, length: Any, target: Any, start: Any) -> None:
        def begin_adding(words: WordPairs) -> Callable[[Any], None]:
            def add(x: Any) -> None:
                half = builder.lshr(x, intp(1))
                near, far = (
                    words.load_bytes(chroma, builder.add(builder.extract_value(rows, i), half)) for i in range(2)
                )
                total = words.add_words(words.add_words(near, near), words.add_words(near, far))
                store(builder, total, target, builder.add(start, half))

            return add

        for_row(builder, length, begin_adding)

    return types.void(plane, places, width, sums, begin), code_generator(generate)


def _row_converter(is_left: bool) -> Any:
    @intrinsic
    def convert_row(
        _context: Any, luma: Any, begin: Any, chroma: Any, at: Any, width: Any, pixels: Any, places: Any, numbers: Any
    ) -> Any:
        """R, G and B of a row, whose luma uint8 begins at `begin`.

        chroma: int16, U and V as of `_weigh_rows` begin at the two places `at`; on both sides the ends are repeated.
        pixels: uint8, filled from three places on. numbers: of `_rgb_numbers`.
        """

        def generate(
            builder: Any, y: Any, start: Any, uv: Any, sources: Any, length: Any, values: Any, colors: Any, table: Any
        ) -> None:
            def begin_converting(words: WordPairs) -> Callable[[Any], None]:
                pairs = [words.splat_words(table, i, i + 1) for i in range(0, _RGB_NUMBERS, 2)]
                red_of_v, green_of_v, green_of_u, blue_of_u = ((pair, words.turn(pair)) for pair in pairs[:4])
                black, *summands = pairs[4:]

                def spread(plane: int, half: Any) -> tuple[Any, Any]:
                    """Chroma at the first pixels of every two, and at the second ones, 16 times a sample of it."""
                    place = builder.add(builder.extract_value(sources, plane), half)
                    before, here, beyond = (words.load(uv, builder.add(place, intp(i))) for i in (-1, 0, 1))
                    twice = words.add_words(here, here)
                    if is_left:
                        between = words.add_words(here, beyond)
                        return words.add_words(twice, twice), words.add_words(between, between)
                    thrice = words.add_words(twice, here)
                    return words.add_words(before, thrice), words.add_words(thrice, beyond)

                def weigh(pairs: Sequence[Any], factors: Sequence[Any]) -> list[Any]:
                    return list(map(words.multiply_and_add, pairs, factors))

                def mix(light: Any, u: Any, v: Any) -> list[Any]:
                    """R, G and B of a pixel in each word, of 6 fractional bits; luma is 8 times a sample, and more."""
                    light = words.add_words(builder.and_(light, words.all(255 << 3, 255 << 3)), black)
                    with_u, with_v = words.pair(light, u), words.pair(light, v)
                    greens = map(builder.add, weigh(with_v, green_of_v), weigh(with_u, green_of_u))
                    sums = weigh(with_v, red_of_v), greens, weigh(with_u, blue_of_u)
                    mixed = (
                        words.add_words(words.words_from(11, *both), summand)
                        for both, summand in zip(sums, summands, strict=True)
                    )
                    return [words.limit_words(color, (256 << 6) - 1) for color in mixed]

                def convert(x: Any) -> None:
                    four, half = words.load(y, builder.add(start, x)), builder.lshr(x, intp(1))
                    lights = words.shift(four, -3), words.shift(four, 5)
                    evens_and_odds = map(mix, lights, spread(0, half), spread(1, half))
                    for i, (even, odd) in enumerate(zip(*evens_and_odds, strict=True)):
                        color = words.choose(0x00FF00FF, words.shift(even, 6), words.shift(odd, -2))
                        store(builder, color, values, builder.add(builder.extract_value(colors, i), x))

                return convert

            for_row(builder, length, begin_converting)

        arguments = luma, begin, chroma, at, width, pixels, places, numbers
        return types.void(*arguments), code_generator(generate)

    return convert_row


_convert_row, _convert_left_row = _row_converter(False), _row_converter(True)


@_compiled
def _rgb_numbers(factors):
    """What rows are converted by, int32 [_RGB_NUMBERS]: factors as of `to_rgb`.

    Those of luma and chroma in pairs (V in R, V in G, U in G without luma, U in B); and twice each what is added to
    luma, R, G and B.
    """
    y_factor, y_offset, v_to_r, v_to_g, u_to_g, u_to_b = factors
    light, black, half = 2 * y_factor, -(y_offset >> 6), 1 << 5
    red, green, blue = half - v_to_r, half - v_to_g - u_to_g, half - u_to_b
    pairs = [light, v_to_r, light, v_to_g, 0, u_to_g, light, u_to_b, black, black, red, red, green, green, blue, blue]
    return np.array(pairs, np.int32)


@_compiled
def to_rgb(y, u, v, pixels, factors, is_left):
    """Write pixels [3, H, W] of planes y [H, W or more], u and v [H / 2, W / 2 or more], whose rows may be padded.

    factors int32 [6]: as of `swscale.YuvToRgb`.
    """
    _, height, width = pixels.shape
    half, rows, size = width // 2, height // 2, height * width
    luma, values = y.reshape(-1), pixels.reshape(-1)
    numbers = _rgb_numbers((factors[0], factors[1], factors[2], factors[3], factors[4], factors[5]))
    sums = np.empty(2 * (half + 2), np.int16)
    for row in range(height):
        near = row // 2
        far = min(max(near + (1 if row % 2 else -1), 0), rows - 1)
        for plane in range(2):
            source, first = (u, 1) if plane == 0 else (v, half + 3)
            places = near * source.shape[1], far * source.shape[1]
            _weigh_rows(source.reshape(-1), places, width, sums, first)
            sums[first - 1], sums[first + half] = sums[first], sums[first + half - 1]
        begin, at = row * width, (1, half + 3)
        colors = begin, begin + size, begin + 2 * size
        if is_left:
            _convert_left_row(luma, row * y.shape[1], sums, at, width, values, colors, numbers)
        else:
            _convert_row(luma, row * y.shape[1], sums, at, width, values, colors, numbers)


def _row_mixer(is_stretched: bool) -> Any:
    luma_bit, chroma_bit = (21, 14) if is_stretched else (15, 10)

    @intrinsic
    def mix_row(
        _context: Any, pixels: Any, places: Any, width: Any, luma: Any, begin: Any, chroma: Any, at: Any, numbers: Any
    ) -> Any:
        """Luma of a row of pixels, and chroma of every two of them, as a `_row_joiner`'s takes it.

        pixels: uint8. places: where the row's R, G and B begin. luma: uint8, filled from `begin` on. chroma: int16,
        filled with U and V from the two places `at` on. numbers: of `_yuv_numbers`.
        """

        def generate(
            builder: Any, values: Any, colors: Any, length: Any, y: Any, start: Any, uv: Any, targets: Any, table: Any
        ) -> None:
            def begin_mixing(words: WordPairs) -> Callable[[Any], None]:
                rows = range(0, 3 * _YUV_NUMBERS, _YUV_NUMBERS)
                pairs = [[words.splat_words(table, row + i, row + i + 1) for i in (0, 2)] for row in rows]
                factors = [(of_plane, [words.turn(pair) for pair in of_plane]) for of_plane in pairs]
                stretches = [[words.splat(table, row + i) for i in (4, 5)] for row in rows]

                def weigh(plane: int, values: Sequence[Any], is_turned: bool) -> Any:
                    mixed = builder.add(*map(words.multiply_and_add, values, factors[plane][is_turned]))
                    if not is_stretched:
                        return mixed
                    exact = words.shift(words.shift(mixed, 10 if plane else 9, is_signed=True), -1)
                    factor, summand = stretches[plane]
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
                        total = words.add_words(words.shift_words(all_four, 1, is_signed=True), inner)
                        joined = words.odd_bytes(words.add_words(total, words.all(128 << 8, 128 << 8)))
                    store(builder, words.bytes_of(joined), target, builder.add(start, half))

                return join

            for_row(builder, length, begin_joining)

        return types.void(chroma, places, width, plane, begin), code_generator(generate)

    return join_rows


_mix_row, _mix_and_stretch_row = _row_mixer(False), _row_mixer(True)
_join_rows, _join_stretched_rows = _row_joiner(False), _row_joiner(True)


@_compiled
def _yuv_numbers(factors, is_stretched):
    """What rows are mixed by, int32 [3 * _YUV_NUMBERS]: factors as of `to_yuv`, and all that is added."""
    numbers = np.empty(3 * _YUV_NUMBERS, np.int32)
    for plane in range(3):
        # 16 or 0, and what makes rounding of dropping bits.
        summand, of_pixels = (0x801 << 8, _UNIT) if plane == 0 else (1 << 9, 2 * _UNIT)
        factor, stretched = factors[plane, 3], factors[plane, 4]
        if not is_stretched:
            summand += 1 << 14 if plane == 0 else 1 << 15
        else:
            stretched += 1 << 20 if plane == 0 else factor << 14
        begin = plane * _YUV_NUMBERS
        for color in range(3):
            numbers[begin + color] = factors[plane, color]
        numbers[begin + 3], numbers[begin + 4], numbers[begin + 5] = summand // of_pixels, factor, stretched
    return numbers


@_compiled
def to_yuv(pixels, y, u, v, factors):
    """Write planes of pixels, shaped as of `to_rgb`; factors int32 [3, 5]: of R, G and B in Y, U and V, and stretch.

    Four rows of chroma are held, U and V of each in turns.
    """
    _, height, width = pixels.shape
    half, size = width // 2, height * width
    is_stretched = factors[0, 3] != 1 << 14
    numbers = _yuv_numbers(factors, is_stretched)
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
