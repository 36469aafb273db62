"""Kernels for transforms that change a value or a pixel by itself: any number of them in one pass over memory.

A pass is a tuple of kinds, a constant of the kernel: Triton compiles one for each tuple that occurs. Frames are
[copies, frames, 3, height, width], uint8; of the source there may be one for all copies. The program of a tile for one
copy runs beside those for the others, so that memory is read once and the others find the tile in the cache.

Integers only, as on the CPU: see `transforms.kernels`, whose results these are.
"""

import triton
import triton.language as tl
from triton.language.random import philox_impl

from augmentation_worker.transforms import kernels
from augmentation_worker.transforms.cuda import normal_bins, operation

CELL: tl.constexpr = tl.constexpr(operation.CELL)

LOOK_UP: tl.constexpr = tl.constexpr(0)
"""Operands: tables uint8 [copies, 3, 256]."""
SCALE: tl.constexpr = tl.constexpr(1)
"""Operands: masks int32 [copies, pixels], of which 65536 is one."""
COVER: tl.constexpr = tl.constexpr(2)
"""Operands: where uint8 [copies, pixels] is not 0, the values uint8 [copies, 3, pixels]; int32 [copies, counts], how
many pixels are covered before each cell of the frame and, after it, of the frame once more; the number of counts."""
COVER_BEHIND: tl.constexpr = tl.constexpr(3)
"""Operands: as COVER, but not where masks uint8 [copies, frames, pixels] are not 0."""
BLEND: tl.constexpr = tl.constexpr(4)
"""Operands: what is behind uint8 [copies, 3, pixels], shares of the frame uint8 [copies, frames, pixels]."""
ADD_NORMALS: tl.constexpr = tl.constexpr(5)
"""Operands: entries int32 [copies, most entries] of NormalBins; parameters int32 [copies, 3]: bits of the bins, key."""
ADD_SCALED_NORMALS: tl.constexpr = tl.constexpr(6)
"""Operands: lower half of the normals int16 [32768], strengths int32 [copies, 256], parameters as ADD_NORMALS."""
MIX: tl.constexpr = tl.constexpr(7)
"""Operands: matrices int32 [copies, 9], of which 16384 is one."""

_MASK_BITS: tl.constexpr = tl.constexpr(kernels.MASK_BITS)
_MASK_HALF: tl.constexpr = tl.constexpr(1 << (kernels.MASK_BITS - 1))
_MATRIX_BITS: tl.constexpr = tl.constexpr(kernels.MATRIX_BITS)
_MATRIX_HALF: tl.constexpr = tl.constexpr(1 << (kernels.MATRIX_BITS - 1))
_FRACTION_BITS: tl.constexpr = tl.constexpr(kernels.FRACTION_BITS)
_FRACTION_HALF: tl.constexpr = tl.constexpr(1 << (kernels.FRACTION_BITS - 1))
_PARTS: tl.constexpr = tl.constexpr(kernels.VALUES_PER_BLOCK)
_ROUNDS: tl.constexpr = tl.constexpr(kernels.PHILOX_ROUNDS)
_FLOAT_FRACTION_BITS: tl.constexpr = tl.constexpr(normal_bins.FLOAT_FRACTION_BITS)
_ONE: tl.constexpr = tl.constexpr(normal_bins.ONE)
_UPPER: tl.constexpr = tl.constexpr(normal_bins.UPPER)
_EXACT_FLOAT: tl.constexpr = tl.constexpr(0x4B000000)
"""As a float 2**23, whose last bit is one: or'ed with a small number it is their sum."""


@triton.jit
def _change(
    x, kind: tl.constexpr, operands, copy, at_frame, channel, pixel, pixels, inside, first_pixel, tile: tl.constexpr
):
    """The values after one step that needs no other value.

    `at_frame` counts the frames of all copies; `first_pixel` is that of the tile.
    """
    if kind == LOOK_UP:
        x = tl.load(operands[0] + copy * 768 + (channel * 256 + x).to(tl.uint32)).to(tl.int32)
    elif kind == SCALE:
        factor = tl.load(operands[0] + copy * pixels + pixel, mask=inside, other=0)
        x = tl.minimum((x * factor + _MASK_HALF) >> _MASK_BITS, 255)
    elif kind == COVER or kind == COVER_BEHIND:  # noqa: PLR1714, SIM109  (Triton has no `in`)
        counts = operands[2] + copy * operands[3]
        last = tl.minimum((first_pixel + tile) // CELL + 1, operands[3] - 1)
        if tl.load(counts + last) > tl.load(counts + first_pixel // CELL):
            covered = tl.load(operands[0] + copy * pixels + pixel, mask=inside, other=0) != 0
            if kind == COVER_BEHIND:
                kept = tl.load(operands[4] + at_frame.to(tl.int64) * pixels + pixel, mask=inside, other=0)
                covered = covered & (kept == 0)
            shown = tl.load(operands[1] + (copy * 3 + channel) * pixels + pixel, mask=inside, other=0)
            x = tl.where(covered, shown.to(tl.int32), x)
    elif kind == BLEND:
        behind = tl.load(operands[0] + (copy * 3 + channel) * pixels + pixel, mask=inside, other=0).to(tl.int32)
        share = tl.load(operands[1] + at_frame.to(tl.int64) * pixels + pixel, mask=inside, other=0).to(tl.int32)
        x = (x * share + behind * (255 - share) + 127) // 255
    return x


@triton.jit
def _noise(x, kind: tl.constexpr, operands, copy, random, bits):
    """The values with the noise of their 16-bit random numbers."""
    upper = random >> 15
    if kind == ADD_NORMALS:
        exact = ((random ^ (upper * 0xFFFF)) | _EXACT_FLOAT).to(tl.float32, bitcast=True) - 8388607.0
        place = exact.to(tl.uint32, bitcast=True) >> (_FLOAT_FRACTION_BITS - bits)
        place |= (upper * 0xFFFF).to(tl.uint32) & (_UPPER << bits)
        entry = tl.load(operands[0] + copy * operands[2] - (_ONE << bits) + place.to(tl.uint64))
        noise = (entry + random) >> 16
    else:
        lower = tl.load(operands[0] + (random ^ (upper * 0xFFFF))).to(tl.int32)
        normal = (lower ^ -upper) + upper
        strength = tl.load(operands[1] + copy * 256 + x)
        noise = (strength * normal + _FRACTION_HALF) >> _FRACTION_BITS
    return tl.minimum(tl.maximum(x + noise, 0), 255)


@triton.jit(do_not_specialize=["first_frame"])
def change_values(
    source,
    target,
    operands,
    copy_stride,
    pixels,
    blocks,
    frames,
    first_frame,
    kinds: tl.constexpr,
    noise_step: tl.constexpr,
    one_edge: tl.constexpr,
    tile: tl.constexpr,
):
    """All steps of a pass on the values of a frame, of which one step adds noise.

    A Philox block gives the random numbers of 8 values, which lie `blocks` from each other: a program changes the 8
    parts of a tile of blocks. Grid: copies, tiles of as many blocks, frames.

    Args:
        copy_stride: values from the source of one copy to the next; 0 if they have the same.
        pixels: of a frame.
        blocks: an eighth of the values of a frame, rounded up.
        frames: of a copy.
        first_frame: index in the episode of the first of them.
        kinds: of the steps; `operands` has a tuple for each.
        noise_step: which of them adds noise.
        one_edge: whether a tile lies in two channels at most.
    """
    copy, frame = tl.program_id(0), tl.program_id(2)
    first_block = tl.program_id(1) * tile
    block = first_block + tl.arange(0, tile)
    at_frame = copy * frames + frame
    size = 3 * pixels
    source += copy.to(tl.int64) * copy_stride + frame.to(tl.int64) * size
    target += at_frame.to(tl.int64) * size

    parameters = operands[noise_step][3] + copy * 3
    bits = tl.load(parameters)
    key0, key1 = (
        tl.load(parameters + 1).to(tl.uint32, bitcast=True),
        tl.load(parameters + 2).to(tl.uint32, bitcast=True),
    )
    values = tl.load(source + block, mask=(block < blocks) & (block < size), other=0).to(tl.int32)
    # A number of eight bits has no ninth. Added, it has Triton compute random numbers where a thread has the values
    # that they are for: else they would go from thread to thread through shared memory. LLVM finds out that it is 0.
    counter = (block + (values >> 8)).to(tl.uint32)
    zero = counter * 0
    word0, word1, word2, word3 = philox_impl(
        counter, zero + (first_frame + frame).to(tl.uint32), zero, zero, key0, key1, _ROUNDS
    )
    for part in tl.static_range(_PARTS):
        value = part * blocks + block
        inside = (block < blocks) & (value < size)
        first = part * blocks + first_block
        channel = (first >= pixels).to(tl.int32) + (first >= 2 * pixels).to(tl.int32)
        first_pixel = first - channel * pixels
        if one_edge:
            channel += (value >= (channel + 1) * pixels).to(tl.int32)
        else:
            channel = (value >= pixels).to(tl.int32) + (value >= 2 * pixels).to(tl.int32)
        pixel = value - channel * pixels
        x = values if part == 0 else tl.load(source + value, mask=inside, other=0).to(tl.int32)
        for step in tl.static_range(len(kinds)):
            if step == noise_step:
                word = word0 if part < 2 else word1 if part < 4 else word2 if part < 6 else word3
                random = ((word >> (16 * (part % 2))) & 0xFFFF).to(tl.int32)
                x = _noise(x, kinds[step], operands[step], copy, random, bits)
            else:
                x = _change(
                    x, kinds[step], operands[step], copy, at_frame, channel, pixel, pixels, inside, first_pixel, tile
                )
        tl.store(target + value, x.to(tl.uint8), mask=inside)


@triton.jit
def change_pixels(source, target, operands, copy_stride, pixels, frames, kinds: tl.constexpr, tile: tl.constexpr):
    """All steps of a pass without noise, on the three values of each pixel; arguments as of `change_values`.

    Grid: copies, tiles of as many pixels, frames.
    """
    copy, frame = tl.program_id(0), tl.program_id(2)
    first_pixel = tl.program_id(1) * tile
    pixel = first_pixel + tl.arange(0, tile)
    inside = pixel < pixels
    at_frame = copy * frames + frame
    source += copy.to(tl.int64) * copy_stride + frame.to(tl.int64) * 3 * pixels
    target += at_frame.to(tl.int64) * 3 * pixels
    red = tl.load(source + pixel, mask=inside, other=0).to(tl.int32)
    green = tl.load(source + pixels + pixel, mask=inside, other=0).to(tl.int32)
    blue = tl.load(source + 2 * pixels + pixel, mask=inside, other=0).to(tl.int32)
    for step in tl.static_range(len(kinds)):
        if kinds[step] == MIX:
            matrix = operands[step][0] + copy * 9
            mixed_red = _mix(red, green, blue, matrix)
            mixed_green = _mix(red, green, blue, matrix + 3)
            blue = _mix(red, green, blue, matrix + 6)
            red, green = mixed_red, mixed_green
        else:
            red = _change(red, kinds[step], operands[step], copy, at_frame, 0, pixel, pixels, inside, first_pixel, tile)
            green = _change(
                green, kinds[step], operands[step], copy, at_frame, 1, pixel, pixels, inside, first_pixel, tile
            )
            blue = _change(
                blue, kinds[step], operands[step], copy, at_frame, 2, pixel, pixels, inside, first_pixel, tile
            )
    tl.store(target + pixel, red.to(tl.uint8), mask=inside)
    tl.store(target + pixels + pixel, green.to(tl.uint8), mask=inside)
    tl.store(target + 2 * pixels + pixel, blue.to(tl.uint8), mask=inside)


@triton.jit
def _mix(red, green, blue, row):
    mixed = red * tl.load(row) + green * tl.load(row + 1) + blue * tl.load(row + 2)
    return tl.minimum(tl.maximum((mixed + _MATRIX_HALF) >> _MATRIX_BITS, 0), 255)
