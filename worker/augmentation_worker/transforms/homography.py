"""Homographies: where in the source frame each pixel of the result lies, for shifts, turns, zooms, crops and views.

Coordinates are pixels, x to the right and y down; the middle of the first pixel is (0, 0), as in OpenCV. A homography
takes a place in the result to its place in the source, so that what is done one after the other is one product. Plain
double precision in a fixed order; `fixed_point` makes it integers, from which the pixels are computed.
"""

from collections.abc import Sequence
from math import cos, floor, radians, sin

Homography = tuple[float, float, float, float, float, float, float, float, float]
"""Row by row: (x, y, 1) of the result becomes (wx', wy', w) of the source."""
IDENTITY: Homography = (1, 0, 0, 0, 1, 0, 0, 0, 1)
FIXED_BITS = 32
"""Fractional bits of an entry: at 8,192 pixels the places are exact to a millionth of a pixel."""


def product(first: Homography, second: Homography) -> Homography:
    """The homography of a transform with the homography `first` and, after it, one with `second`."""
    a, b = first, second
    return (
        a[0] * b[0] + a[1] * b[3] + a[2] * b[6],
        a[0] * b[1] + a[1] * b[4] + a[2] * b[7],
        a[0] * b[2] + a[1] * b[5] + a[2] * b[8],
        a[3] * b[0] + a[4] * b[3] + a[5] * b[6],
        a[3] * b[1] + a[4] * b[4] + a[5] * b[7],
        a[3] * b[2] + a[4] * b[5] + a[5] * b[8],
        a[6] * b[0] + a[7] * b[3] + a[8] * b[6],
        a[6] * b[1] + a[7] * b[4] + a[8] * b[7],
        a[6] * b[2] + a[7] * b[5] + a[8] * b[8],
    )


def normalized(homography: Homography, height: int, width: int) -> Homography:
    """The same, scaled so that the divisor in the middle of the frame is one."""
    depth = homography[6] * ((width - 1) / 2) + homography[7] * ((height - 1) / 2) + homography[8]
    a, b, c, d, e, f, g, h, i = homography
    return (a / depth, b / depth, c / depth, d / depth, e / depth, f / depth, g / depth, h / depth, i / depth)


def fixed_point(homography: Homography) -> tuple[int, ...]:
    """Its nine entries as whole numbers, of which 2**32 is one."""
    return tuple(floor(entry * (1 << FIXED_BITS) + 0.5) for entry in homography)


def similarity(rotation_degrees: float, shift: tuple[float, float], zoom: float, height: int, width: int) -> Homography:
    """The frame turned counter-clockwise and zoomed about its middle, then shifted by fractions of its sides."""
    angle = radians(rotation_degrees)
    along, across = cos(angle) / zoom, sin(angle) / zoom
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    to_x, to_y = middle_x + shift[0] * width, middle_y + shift[1] * height
    return (
        along, -across, middle_x - along * to_x + across * to_y,
        across, along, middle_y - across * to_x - along * to_y,
        0, 0, 1,
    )  # fmt: skip


def crop(left: float, top: float, crop_width: float, crop_height: float, height: int, width: int) -> Homography:
    """A part of the frame, in fractions of it, resized to the whole."""
    x, y = left * width + (crop_width - 1) / 2, top * height + (crop_height - 1) / 2
    return (crop_width, 0, x, 0, crop_height, y, 0, 0, 1)


def quadrilateral(corners: Sequence[tuple[float, float]], height: int, width: int) -> Homography:
    """The view whose corners (top left, top right, bottom right, bottom left) see these places, fractions of the frame.

    From a square to a quadrilateral in closed form: P. Heckbert, "Fundamentals of Texture Mapping and Image Warping",
    1989, section 2.2.3.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    sum_x, sum_y = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    right_x, right_y, left_x, left_y = x1 - x2, y1 - y2, x3 - x2, y3 - y2
    area = right_x * left_y - left_x * right_y
    g = (sum_x * left_y - left_x * sum_y) / area
    h = (right_x * sum_y - sum_x * right_y) / area
    of_square: Homography = (
        x1 - x0 + g * x1, x3 - x0 + h * x3, x0,
        y1 - y0 + g * y1, y3 - y0 + h * y3, y0,
        g, h, 1,
    )  # fmt: skip
    to_square: Homography = (1 / width, 0, 0.5 / width, 0, 1 / height, 0.5 / height, 0, 0, 1)
    to_pixels: Homography = (width, 0, -0.5, 0, height, -0.5, 0, 0, 1)
    return product(to_pixels, product(of_square, to_square))
