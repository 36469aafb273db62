"""The loops over pixels on the CPU, compiled by numba: ahead in an image, else when a machine first uses them.

Integers only, so that the result is the same on every processor; each has a twin in plain torch for other devices,
in the module of the transform that uses it. They release the GIL: every copy of an episode has its own thread.
"""

import numpy as np

from augmentation_worker.transforms.cpu.kernel_target import kernel_compiler
from augmentation_worker.transforms.cpu.vector_lookup import look_up_bytes

# Philox4x32-10: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, table 2 and section 3.
PHILOX_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
PHILOX_WEYL = (0x9E3779B9, 0xBB67AE85)
PHILOX_ROUNDS = 10

VALUES_PER_BLOCK = 8
"""16-bit values in the four 32-bit words of a block."""
FRACTION_BITS = 20
"""Noise is a product of two fixed-point numbers, 12 and 8 fractional bits."""
MASK_BITS = 16
MATRIX_BITS = 14
SHARPNESS_BITS = 16
"""The greatest sum fits 31 bits: 13 x 255 x 2**16, and at a factor of 10 another 9 x 8 x 255 x 2**16."""

_compiled = kernel_compiler()


@_compiled
def look_up(frames, result, tables, tables_of_pairs):
    """What becomes of each value of frames [N, 3, size] uint8 by the table [256] uint8 of its channel.

    By vectors, or else by the uint16 tables of pairs of values [3, 65536], which takes half as long as one by one; they
    may be empty, [3, 0], and have to be where a size is odd.
    """
    count, channels, size = frames.shape
    for index in range(count):
        for channel in range(channels):
            source, target, table = frames[index, channel], result[index, channel], tables[channel]
            of_pairs = tables_of_pairs[channel]
            if len(of_pairs):
                pairs, changed = source.view(np.uint16), target.view(np.uint16)
                for j in range(size // 2):
                    changed[j] = of_pairs[pairs[j]]
            else:
                for j in range(look_up_bytes(source, target, table), size):
                    target[j] = table[source[j]]


@_compiled
def count_values(frame, step, histogram):
    """Add to histogram [3, 256] int64 how often each value occurs in a frame [3, H, W] of every `step`-th pixel."""
    channels, height, width = frame.shape
    for channel in range(channels):
        occurrences = histogram[channel]
        for y in range(0, height, step):
            row = frame[channel, y]
            for x in range(0, width, step):
                occurrences[row[x]] += 1


@_compiled
def multiply_by_mask(frames, result, mask):
    """Scale frames [N, C, H * W] by a mask [H * W] int32, of which 65536 is one and 127 times that the most."""
    count, channels, size = frames.shape
    for index in range(count):
        for channel in range(channels):
            source, target = frames[index, channel], result[index, channel]
            for j in range(size):
                scaled = np.int32(np.int32(source[j]) * mask[j]) + np.int32(1 << (MASK_BITS - 1))
                target[j] = np.uint8(min(np.int32(np.int32(scaled) >> np.int32(MASK_BITS)), np.int32(255)))


@_compiled
def multiply_colors(frames, result, matrix):
    """Apply a matrix [3, 3] int32, of which 16384 is one, to the colours of frames [N, 3, H * W]."""
    count, _, size = frames.shape
    for index in range(count):
        red, green, blue = frames[index, 0], frames[index, 1], frames[index, 2]
        for channel in range(3):
            target = result[index, channel]
            of_red, of_green, of_blue = matrix[channel, 0], matrix[channel, 1], matrix[channel, 2]
            for j in range(size):
                mixed = np.int32(red[j]) * of_red + np.int32(green[j]) * of_green + np.int32(blue[j]) * of_blue
                rounded = np.int32(mixed + np.int32(1 << (MATRIX_BITS - 1))) >> np.int32(MATRIX_BITS)
                target[j] = np.uint8(min(max(rounded, np.int32(0)), np.int32(255)))


@_compiled
def _sharpen_row(target, above, middle, below, gain):
    """The inner pixels of a row, by their eight neighbours and themselves (which count five times)."""
    one = np.int32(13 << SHARPNESS_BITS)
    for x in range(1, len(middle) - 1):
        around = np.int32(
            np.int32(np.int32(above[x - 1]) + np.int32(above[x]) + np.int32(above[x + 1]))
            + np.int32(np.int32(middle[x - 1]) + np.int32(middle[x + 1]))
            + np.int32(np.int32(below[x - 1]) + np.int32(below[x]) + np.int32(below[x + 1]))
        )
        detail = np.int32(np.int32(middle[x]) * np.int32(8) - around)
        exact = np.int32(np.int32(np.int32(middle[x]) * one) + np.int32(gain * detail))
        rounded = np.uint32(max(exact, np.int32(0))) + np.uint32(13 << (SHARPNESS_BITS - 1))
        target[x] = np.uint8(min(np.uint32(np.uint32(rounded) // np.uint32(13 << SHARPNESS_BITS)), np.uint32(255)))


@_compiled
def sharpen(frames, result, gain):
    """Add gain / 2**SHARPNESS_BITS times what distinguishes a pixel from its surroundings; frames [N, C, H, W].

    The surroundings are the mean of 3x3 pixels of which the middle one counts five times. The border stays as it is.
    """
    count, channels, height, width = frames.shape
    for index in range(count):
        for channel in range(channels):
            source, target = frames[index, channel], result[index, channel]
            for y in range(height):
                if 0 < y < height - 1 and width > 2:
                    _sharpen_row(target[y], source[y - 1], source[y], source[y + 1], gain)
                    target[y, 0], target[y, width - 1] = source[y, 0], source[y, width - 1]
                else:
                    for x in range(width):
                        target[y, x] = source[y, x]


@_compiled
def blend(frames, result, background, alpha):
    """Frames [N, C, size] where alpha [N, size] uint8 is 255, background [C, size] where it is 0, else between them."""
    count, channels, size = frames.shape
    for index in range(count):
        share = alpha[index]
        for channel in range(channels):
            source, behind, target = frames[index, channel], background[channel], result[index, channel]
            for j in range(size):
                kept = np.uint32(share[j])
                mixed = np.uint32(source[j]) * kept + np.uint32(behind[j]) * np.uint32(np.uint32(255) - kept)
                target[j] = np.uint8(np.uint32(np.uint32(mixed) + np.uint32(127)) // np.uint32(255))


@_compiled
def interleave(planes, pixels):
    """Planes [3, H, W] as pixels [H, W, 3]."""
    _, height, width = planes.shape
    for y in range(height):
        red, green, blue, row = planes[0, y], planes[1, y], planes[2, y], pixels[y]
        for x in range(width):
            row[x, 0], row[x, 1], row[x, 2] = red[x], green[x], blue[x]


@_compiled
def separate(pixels, planes):
    """Pixels [H, W, 3] as planes [3, H, W]."""
    height, width, _ = pixels.shape
    for y in range(height):
        red, green, blue, row = planes[0, y], planes[1, y], planes[2, y], pixels[y]
        for x in range(width):
            red[x], green[x], blue[x] = row[x, 0], row[x, 1], row[x, 2]
