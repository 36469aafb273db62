"""Kernels for transforms that change a value or a pixel by itself: any number of them in one pass over memory.

A pass is a tuple of kinds, a constant of the kernel: Triton compiles one for each tuple that occurs. Frames are
[copies, frames, 3, height, width], uint8; of the source there may be one for all copies. The program of a tile for one
copy runs beside those for the others, so that memory is read once and the others find the tile in the cache.

Integers only, as on the CPU, and floats where they are exact: see `transforms.cpu.kernels`, whose results these are.
A program has tiles of rows x run values: a thread changes `run` neighbours, which lie in one channel, and reads and
writes them at once. `plain` says that there is no PTX, as in Triton's interpreter.
"""

import triton
import triton.language as tl

from augmentation_worker.transforms.cpu import kernels
from augmentation_worker.transforms.cuda import normal_bins
from augmentation_worker.transforms.cuda.noise_kernels import binned_noise, random_words, scaled_noise
from augmentation_worker.transforms.cuda.packed_byte_kernels import choose, places, saturate
from augmentation_worker.transforms.cuda.shared_table_kernels import of_both, of_one

LOOK_UP: tl.constexpr = tl.constexpr(0)
"""Operands: tables uint8 [copies, 3, 256]."""
SCALE: tl.constexpr = tl.constexpr(1)
"""Operands: masks int32 [copies, pixels], of which 65536 is one."""
COVER: tl.constexpr = tl.constexpr(2)
"""Operands: where uint8 [copies, pixels] is 255 instead of 0, the values uint8 [copies, 3, pixels]; uint8 [copies,
programs], which tiles of a program have such pixels, a bit each."""
COVER_BEHIND: tl.constexpr = tl.constexpr(3)
"""Operands: as COVER, but not where masks uint8 [copies, frames, pixels] are not 0."""
BLEND: tl.constexpr = tl.constexpr(4)
"""Operands: what is behind uint8 [copies, 3, pixels], shares of the frame uint8 [copies, frames, pixels]."""
ADD_NORMALS: tl.constexpr = tl.constexpr(5)
"""Operands: entries int32 [copies, 32 * 2**bits] of NormalBins; keys int32 [copies, 2]."""
ADD_SCALED_NORMALS: tl.constexpr = tl.constexpr(6)
"""Operands: lower half of the normals int16 [32768], strengths int32 [copies, 256]; keys int32 [copies, 2]."""
MIX: tl.constexpr = tl.constexpr(7)
"""Operands: matrices int32 [copies, 9], of which 16384 is one."""

_MASK_BITS: tl.constexpr = tl.constexpr(kernels.MASK_BITS)
_MASK_HALF: tl.constexpr = tl.constexpr(1 << (kernels.MASK_BITS - 1))
_MATRIX_BITS: tl.constexpr = tl.constexpr(kernels.MATRIX_BITS)
_MATRIX_HALF: tl.constexpr = tl.constexpr(1 << (kernels.MATRIX_BITS - 1))
_OCTAVES: tl.constexpr = tl.constexpr(normal_bins.OCTAVES)
_WORDS: tl.constexpr = tl.constexpr(kernels.VALUES_PER_BLOCK // 2)


@triton.jit
def _table(kind: tl.constexpr, operands, copy):
    """What a program needs of a step for all its tiles: its table, or which tiles have covered pixels; else nothing."""
    if kind == LOOK_UP:
        entry = tl.arange(0, 1024)
        return tl.load(operands[0] + copy * 768 + entry, mask=entry < 768, other=0)
    elif kind == COVER or kind == COVER_BEHIND:  # noqa: PLR1714, SIM109  (Triton has no `in`)
        return tl.load(operands[2] + copy * tl.num_programs(1) + tl.program_id(1)).to(tl.int32)
    else:
        return copy


@triton.jit
def _change(x, kind: tl.constexpr, operands, where, is_covered, plain: tl.constexpr):
    """The values, uint8, after one step that needs no table and no other value.

    Args:
        where: index of the copy; of the frame among those of all copies; of the channel; of the pixels in the frame;
            pixels of a frame; which of the values there are.
        is_covered: whether any of the pixels is.
    """
    copy, at_frame, channel, pixel, pixels, inside = where
    if kind == SCALE:
        factor = tl.load(operands[0] + copy * pixels + pixel, mask=inside)
        x = saturate((x.to(tl.int32) * factor + _MASK_HALF) >> _MASK_BITS, plain)
    elif kind == COVER or kind == COVER_BEHIND:  # noqa: PLR1714, SIM109  (Triton has no `in`)
        # Where nothing of the tile is covered, nothing is read. A branch around it would unpack the bytes.
        inside &= is_covered
        covered = tl.load(operands[0] + copy * pixels + pixel, mask=inside, other=0)
        if kind == COVER_BEHIND:
            kept = tl.load(operands[3] + at_frame.to(tl.int64) * pixels + pixel, mask=inside, other=0)
            covered = tl.where(kept == 0, covered, 0).to(tl.uint8)
        shown = tl.load(operands[1] + (copy * 3 + channel) * pixels + pixel, mask=inside)
        x = choose(x, shown, covered, plain)
    elif kind == BLEND:
        behind = tl.load(operands[0] + (copy * 3 + channel) * pixels + pixel, mask=inside).to(tl.int32)
        share = tl.load(operands[1] + at_frame.to(tl.int64) * pixels + pixel, mask=inside).to(tl.int32)
        x = ((x.to(tl.int32) * share + behind * (255 - share) + 127) // 255).to(tl.uint8)
    return x


@triton.jit
def _change_and_store(x, target, kind: tl.constexpr, operands, where, is_covered, plain: tl.constexpr):
    """The last step. Of a cover: a branch that ends with the store costs nothing where nothing is covered."""
    inside = where[5]
    if kind == COVER or kind == COVER_BEHIND:  # noqa: PLR1714, SIM109  (Triton has no `in`)
        if is_covered:
            tl.store(target, _change(x, kind, operands, where, is_covered, plain), mask=inside)
        else:
            tl.store(target, x, mask=inside)
    else:
        tl.store(target, _change(x, kind, operands, where, is_covered, plain), mask=inside)


@triton.jit
def _part(first, start, step_in_run, copy, at_frame, pixels, inside):
    """Of a part of the values, which begins at the first: where each is, as `_change` wants it; `start`: of a run."""
    value = first + start
    channel = (value >= pixels).to(tl.int32) + (value >= 2 * pixels).to(tl.int32)
    return copy, at_frame, channel, value - channel * pixels + step_in_run, pixels, inside & (value < 3 * pixels)


@triton.jit(do_not_specialize=["frames", "first_frame"])
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
    bits: tl.constexpr,
    rows: tl.constexpr,
    run: tl.constexpr,
    plain: tl.constexpr,
):
    """All steps of a pass on the values of a frame, of which one step adds noise.

    A Philox block gives the random numbers of 8 values, which lie `blocks` from each other: a program changes the 8
    parts of a tile of blocks, two at a time, which have the halves of a word. Grid: copies, tiles of as many blocks,
    frames.

    Args:
        copy_stride: values from the source of one copy to the next; 0 if they have the same.
        pixels: of a frame; divisible by `run`.
        blocks: an eighth of the values of a frame, rounded up; divisible by `run`, and not rounded if that is not 1.
        frames: of a copy.
        first_frame: index in the episode of the first of them.
        kinds: of the steps; `operands` has a tuple for each.
        noise_step: which of them adds noise.
        bits: of the bins of noise, the same for all copies.
    """
    copy, frame = tl.program_id(0), tl.program_id(2)
    start = tl.program_id(1) * (rows * run) + tl.arange(0, rows)[None, :] * run
    step_in_run = tl.arange(0, run)[:, None]
    at_frame = copy * frames + frame
    source += copy.to(tl.int64) * copy_stride + frame.to(tl.int64) * 3 * pixels + start + step_in_run
    target += at_frame.to(tl.int64) * 3 * pixels + start + step_in_run
    inside = start < blocks

    keys = operands[noise_step][2 if kinds[noise_step] == ADD_SCALED_NORMALS else 1] + copy * 2
    key0, key1 = tl.load(keys).to(tl.uint32, bitcast=True), tl.load(keys + 1).to(tl.uint32, bitcast=True)
    if kinds[noise_step] == ADD_NORMALS:
        entry = tl.arange(0, _OCTAVES << bits)
        entries = tl.load(operands[noise_step][0] + copy * (_OCTAVES << bits) + entry)
    else:
        entries = tl.load(operands[noise_step][1] + copy * 256 + tl.arange(0, 256))
    tables = ()
    for step in tl.static_range(len(kinds)):
        tables += (_table(kinds[step], operands[step], copy),)  # type: ignore[assignment]

    first_values = tl.load(source, mask=inside)
    # A number of eight bits has no ninth. Added, it has Triton compute random numbers where a thread has the values
    # that they are for: else they would go from thread to thread through shared memory. LLVM finds out that it is 0.
    counter = (start + step_in_run + (first_values.to(tl.int32) >> 8)).to(tl.uint32)
    words = random_words(counter, (first_frame + frame).to(tl.uint32), key0, key1)
    last: tl.constexpr = len(kinds) - 1
    for half in tl.static_range(_WORDS):
        to_low, to_high = 2 * half * blocks, (2 * half + 1) * blocks
        of_low = _part(to_low, start, step_in_run, copy, at_frame, pixels, inside)
        of_high = _part(to_high, start, step_in_run, copy, at_frame, pixels, inside)
        low = first_values if half == 0 else tl.load(source + to_low, mask=of_low[5])
        high = tl.load(source + to_high, mask=of_high[5])
        for step in tl.static_range(len(kinds)):
            if step == noise_step:
                if kinds[step] == ADD_NORMALS:
                    low_noise, high_noise = binned_noise(words[half], entries, bits)
                else:
                    low_strength, high_strength = of_both(entries, low.to(tl.int32), high.to(tl.int32))
                    low_noise = scaled_noise((words[half] & 0xFFFF).to(tl.int32), low_strength, operands[step][0])
                    high_noise = scaled_noise((words[half] >> 16).to(tl.int32), high_strength, operands[step][0])
                low = saturate(low.to(tl.int32) + low_noise, plain)
                high = saturate(high.to(tl.int32) + high_noise, plain)
            elif kinds[step] == LOOK_UP:
                low_place = places(low, of_low[2] + step_in_run * 0, plain)
                high_place = places(high, of_high[2] + step_in_run * 0, plain)
                low, high = of_both(tables[step], low_place, high_place)
            elif step < last:
                is_low_covered, is_high_covered = _covered(tables[step], 2 * half), _covered(tables[step], 2 * half + 1)
                low = _change(low, kinds[step], operands[step], of_low, is_low_covered, plain)
                high = _change(high, kinds[step], operands[step], of_high, is_high_covered, plain)
        is_low_covered, is_high_covered = _covered(tables[last], 2 * half), _covered(tables[last], 2 * half + 1)
        _change_and_store(low, target + to_low, kinds[last], operands[last], of_low, is_low_covered, plain)
        _change_and_store(high, target + to_high, kinds[last], operands[last], of_high, is_high_covered, plain)


@triton.jit
def _covered(tiles, part):
    """Whether a part has covered pixels, of what `_table` gives for a cover."""
    return ((tiles >> part) & 1) != 0


@triton.jit(do_not_specialize=["frames"])
def change_pixels(
    source,
    target,
    operands,
    copy_stride,
    pixels,
    frames,
    kinds: tl.constexpr,
    rows: tl.constexpr,
    run: tl.constexpr,
    plain: tl.constexpr,
):
    """All steps of a pass without noise, on the three values of each pixel; arguments as of `change_values`.

    Grid: copies, tiles of as many pixels, frames.
    """
    copy, frame = tl.program_id(0), tl.program_id(2)
    start = tl.program_id(1) * (rows * run) + tl.arange(0, rows)[None, :] * run
    step_in_run = tl.arange(0, run)[:, None]
    pixel, inside = start + step_in_run, start < pixels
    at_frame = copy * frames + frame
    source += copy.to(tl.int64) * copy_stride + frame.to(tl.int64) * 3 * pixels + pixel
    target += at_frame.to(tl.int64) * 3 * pixels + pixel
    red = tl.load(source, mask=inside)
    green = tl.load(source + pixels, mask=inside)
    blue = tl.load(source + 2 * pixels, mask=inside)
    for step in tl.static_range(len(kinds)):
        table = _table(kinds[step], operands[step], copy)
        if kinds[step] == MIX:
            matrix = operands[step][0] + copy * 9
            mixed_red = _mix(red, green, blue, matrix, plain)
            mixed_green = _mix(red, green, blue, matrix + 3, plain)
            blue = _mix(red, green, blue, matrix + 6, plain)
            red, green = mixed_red, mixed_green
        elif kinds[step] == LOOK_UP:
            none = pixel * 0
            red, green = of_both(table, places(red, none, plain), places(green, none + 1, plain))
            blue = of_one(table, places(blue, none + 2, plain))
        else:
            is_covered = _covered(table, 0)
            of_red, of_green = (copy, at_frame, 0, pixel, pixels, inside), (copy, at_frame, 1, pixel, pixels, inside)
            red = _change(red, kinds[step], operands[step], of_red, is_covered, plain)
            green = _change(green, kinds[step], operands[step], of_green, is_covered, plain)
            of_blue = (copy, at_frame, 2, pixel, pixels, inside)
            blue = _change(blue, kinds[step], operands[step], of_blue, is_covered, plain)
    tl.store(target, red, mask=inside)
    tl.store(target + pixels, green, mask=inside)
    tl.store(target + 2 * pixels, blue, mask=inside)


@triton.jit
def _mix(red, green, blue, row, plain: tl.constexpr):
    of_red, of_green = red.to(tl.int32) * tl.load(row), green.to(tl.int32) * tl.load(row + 1)
    mixed = of_red + of_green + blue.to(tl.int32) * tl.load(row + 2)
    return saturate((mixed + _MATRIX_HALF) >> _MATRIX_BITS, plain)
