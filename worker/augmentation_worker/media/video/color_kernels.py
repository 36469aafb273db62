"""swscale's conversion between RGB and 8-bit 4:2:0 video, in loops that numba compiles: its bits, in less time.

For sides that are even, and numbers as `swscale` has them. Sums wrap around at 32 bits, as there.
"""

import numpy as np

from augmentation_worker.transforms.cpu.kernel_target import kernel_compiler

_compiled = kernel_compiler()
_LUMA_HALF = np.int32(0x801 << 8)
_CHROMA_HALF = np.int32(0x4001 << 9)
_GREATEST = np.int32((1 << 15) - 1)


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


@_compiled
def _to_luma(red, green, blue, y, factors):
    of_red, of_green, of_blue, stretch, add = factors
    for x in range(len(y)):
        mixed = np.int32(np.int32(red[x]) * of_red + np.int32(green[x]) * of_green + np.int32(blue[x]) * of_blue)
        exact = np.int32(np.int32(np.int32(mixed + _LUMA_HALF) >> np.int32(9)) * np.int32(2))
        stretched = min(np.int32(np.int32(exact * stretch + add) >> np.int32(14)), _GREATEST)
        rounded = np.int32(stretched + np.int32(64)) >> np.int32(7)
        y[x] = np.uint8(min(max(rounded, np.int32(0)), np.int32(255)))


@_compiled
def _to_chroma(red, green, blue, chroma, factors):
    """Chroma of every two pixels of a row, int16 [W / 2], of 7 fractional bits."""
    of_red, of_green, of_blue, stretch, add = factors
    for x in range(len(chroma)):
        r = np.int32(red[2 * x]) + np.int32(red[2 * x + 1])
        g = np.int32(green[2 * x]) + np.int32(green[2 * x + 1])
        b = np.int32(blue[2 * x]) + np.int32(blue[2 * x + 1])
        mixed = np.int32(np.int32(r * of_red) + np.int32(g * of_green) + np.int32(b * of_blue) + _CHROMA_HALF)
        exact = np.int32(np.int32(mixed >> np.int32(10)) * np.int32(2))
        chroma[x] = np.int16(min(np.int32(np.int32(exact * stretch + add) >> np.int32(14)), _GREATEST))


@_compiled
def _join(before, first, second, after, chroma):
    """A row of chroma of four rows of pixels, of which the middle two weigh three times as much."""
    for x in range(len(chroma)):
        outer = np.int32(before[x]) + np.int32(after[x])
        inner = np.int32(first[x]) + np.int32(second[x])
        rounded = np.int32(outer + inner * np.int32(3) + np.int32(512)) >> np.int32(10)
        chroma[x] = np.uint8(min(max(rounded, np.int32(0)), np.int32(255)))


@_compiled
def to_yuv(pixels, y, u, v, factors):
    """Write planes of pixels, shaped as of `to_rgb`; factors int32 [3, 5]: of R, G and B in Y, U and V, and stretch."""
    _, height, width = pixels.shape
    of_y = (factors[0, 0], factors[0, 1], factors[0, 2], factors[0, 3], factors[0, 4])
    for row in range(height):
        _to_luma(pixels[0, row], pixels[1, row], pixels[2, row], y[row, :width], of_y)
    narrow = np.empty((height, width // 2), np.int16)
    for plane in range(2):
        at = plane + 1
        of_chroma = (factors[at, 0], factors[at, 1], factors[at, 2], factors[at, 3], factors[at, 4])
        target = u if plane == 0 else v
        for row in range(height):
            _to_chroma(pixels[0, row], pixels[1, row], pixels[2, row], narrow[row], of_chroma)
        for row in range(height // 2):
            before, after = max(2 * row - 1, 0), min(2 * row + 2, height - 1)
            _join(narrow[before], narrow[2 * row], narrow[2 * row + 1], narrow[after], target[row, : width // 2])
