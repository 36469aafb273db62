"""The numbers by which FFmpeg's libswscale converts 8-bit 4:2:0 video exactly, so that other code gives its bits.

With the flags of `colors`, swscale 9 (FFmpeg 8.1) is integer arithmetic: a matrix of 13 or 15 fractional bits, and
chroma interpolated between its samples by weights of quarters and eighths. Tests compare every conversion with it.
"""

from dataclasses import dataclass
from functools import lru_cache

LEAST_SIDE = 8
"""Below it swscale shortens its filters."""
CENTER, LEFT = "center", "left"
SITINGS = (CENTER, LEFT)
"""Where chroma samples lie in a row: between two pixels, or on the left one. In a column they lie between two."""

_COEFFICIENTS = {
    1: (117489, 138438, 13975, 34925),
    2: (104597, 132201, 25675, 53279),
    4: (104448, 132798, 24759, 53109),
    5: (104597, 132201, 25675, 53279),
    6: (104597, 132201, 25675, 53279),
    7: (117579, 136230, 16907, 35559),
    9: (110013, 140363, 12277, 42626),
}
"""What V adds to R, U to B, and what U and V take from G, of limited range and with 16 fractional bits, by the matrix
code points of H.273: ISO/IEC 13818-2, table 6-9, and ITU-R BT.2020."""
_ONE = 1 << 16
_MATRIX_BITS = 15
_LIMITED, _FULL = (219, 224), (255, 255)
"""Steps of luma and chroma."""
_BT601_LUMA = ((0.299, 0.587, 0.114), (-0.169, -0.331, 0.5), (0.5, -0.419, -0.081))
"""Rounded to three digits, as swscale has them."""


@dataclass(frozen=True)
class YuvToRgb:
    """R = Y' + v_to_r V', G = Y' + v_to_g V' + u_to_g U', B = Y' + u_to_b U'; of 22 fractional bits.

    Y' is y_factor (512 Y - y_offset), U' and V' are 512 times the distance from 128.
    """

    y_factor: int
    y_offset: int
    v_to_r: int
    v_to_g: int
    u_to_g: int
    u_to_b: int


@dataclass(frozen=True)
class RgbToYuv:
    """What R, G and B add to Y, U and V, with 15 fractional bits; then what stretches them, if the range is full.

    Attributes:
        y, u, v: of limited range.
        y_stretch, chroma_stretch: factor and summand, with 14 fractional bits; (1 << 14, 0) changes nothing.
    """

    y: tuple[int, int, int]
    u: tuple[int, int, int]
    v: tuple[int, int, int]
    y_stretch: tuple[int, int]
    chroma_stretch: tuple[int, int]


def has_matrix(matrix: int) -> bool:
    """Whether it is one of those whose numbers are here, by its code point in H.273."""
    return matrix in _COEFFICIENTS


@lru_cache(maxsize=32)
def yuv_to_rgb(matrix: int, is_full: bool) -> YuvToRgb:
    """The numbers of a matrix and a range."""
    v_to_r, u_to_b, u_to_g, v_to_g = _COEFFICIENTS[matrix]
    if is_full:
        chroma = tuple(each * 224 // 255 for each in (v_to_r, u_to_b, u_to_g, v_to_g))
        v_to_r, u_to_b, u_to_g, v_to_g = chroma
    y_factor = _ONE if is_full else _ONE * 255 // 219
    y_offset = 0 if is_full else 16 << 9
    factors = ((each + 4) >> 3 for each in (y_factor, v_to_r, -v_to_g, -u_to_g, u_to_b))
    y_factor, v_to_r, v_to_g, u_to_g, u_to_b = (min(each, (1 << 15) - 1) for each in factors)
    return YuvToRgb(y_factor, y_offset, v_to_r, v_to_g, u_to_g, u_to_b)


@lru_cache(maxsize=32)
def rgb_to_yuv(matrix: int, is_full: bool) -> RgbToYuv:
    """The numbers of a matrix and a range: the inverse of the others, by swscale's steps of rounding."""
    one = 1 << _MATRIX_BITS
    v_to_r, u_to_b, u_to_g, v_to_g = _COEFFICIENTS[matrix]
    blue, red = _rounded(-_ONE * _ONE * u_to_g, u_to_b), _rounded(-_ONE * _ONE * v_to_g, v_to_r)
    green = _ONE * _ONE - blue - red
    of_y, of_u, of_v = (_rounded(each * green, _ONE) for each in (_ONE * 255 // 219, u_to_b, v_to_r))
    y = (-_rounded(one * red, of_y), _rounded(one * _ONE * _ONE, of_y), -_rounded(one * blue, of_y))
    u = (_rounded(one * red, of_u), -_rounded(one * _ONE * _ONE, of_u), _rounded(one * (green + blue), of_u))
    v = (_rounded(one * (red + green), of_v), -_rounded(one * _ONE * _ONE, of_v), _rounded(one * blue, of_v))
    if _COEFFICIENTS[matrix] == _COEFFICIENTS[6]:
        steps = (_LIMITED[0], _LIMITED[1], _LIMITED[1])
        y, u, v = (
            (_share(row[0], step), _share(row[1], step), _share(row[2], step))
            for row, step in zip(_BT601_LUMA, steps, strict=True)
        )
    unchanged = (1 << 14, 0)
    return RgbToYuv(y, u, v, *((_stretch(16, 235), _stretch(16, 240)) if is_full else (unchanged, unchanged)))


def _share(value: float, steps: int) -> int:
    rounded = int(abs(value) * steps / 255 * (1 << _MATRIX_BITS) + 0.5)
    return rounded if value > 0 else -rounded


def _stretch(low: int, high: int) -> tuple[int, int]:
    """Factor and summand, with 14 fractional bits, that take values of 7 fractional bits from low..high to 0..255."""
    factor = -(-((255 << 21) // (high - low)) >> 7)
    return factor, (255 << 21) - (high << 7) * factor + (1 << 13)


def _rounded(dividend: int, divisor: int) -> int:
    """The quotient, rounded half away from zero; the divisor is positive."""
    half = divisor >> 1
    return (dividend + half) // divisor if dividend >= 0 else -((half - dividend) // divisor)
