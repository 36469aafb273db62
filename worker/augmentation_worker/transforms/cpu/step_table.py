"""A table of noise by 16-bit random number, 64 KiB, as steps, 512 bytes or 1 KiB, which registers hold.

A table of gaussian noise rises slowly, so that over a cell of neighbouring numbers it takes one value, or two that
follow each other. It is steep at its ends only: four levels divide its ends into ever shorter cells, 64 each. A number
belongs to the level of the shortest cells that reach it.

Both ends are described by the distance from them, 0 to 32767, and the noise's magnitude there. They share their steps
where the table is symmetric. It is not where noise lies halfway between two values, as halves are rounded up: at some
standard deviations that are multiples of 1/8.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SHIFTS = (9, 6, 3, 0)
"""A level's cells are of 2**shift numbers: the first level's reach the middle, the last level's are single numbers."""
CELLS = 64
STEPS_OF_END = len(SHIFTS) * CELLS
FRACTION_BITS = SHIFTS[0]
_DISTANCES = 1 << 15
NO_STEPS = np.empty(0, np.int16)


def step_table(table: NDArray[Any]) -> NDArray[np.int16]:
    """int16 [ends * 4 * 64], by end, level and cell; empty if the table [65536] rises too fast, or exceeds 127.

    Of a distance, shifted left such that the cells of its level become as long as the first level's, and subtracted
    from an entry, 16 bits, the upper 7 are the magnitude. One end, where it serves both: the noise of the upper end is
    the magnitude, of the lower end less than zero by it. Else those of the lower end, then of the upper one.
    """
    lower, upper = (end.astype(np.int64) for end in (-table[:_DISTANCES], table[: _DISTANCES - 1 : -1]))
    ends = [lower] if np.array_equal(lower, upper) else [lower, upper]
    steps = np.concatenate([_steps_of_end(end) for end in ends])
    return steps if np.array_equal(look_up_all(steps), table) else NO_STEPS


def look_up_all(steps: NDArray[np.int16]) -> NDArray[np.int16]:
    """int16 [65536]: what a step table has for each number; the twin of `noise_vectors.add_noise_of_steps`."""
    distances = np.arange(_DISTANCES, dtype=np.uint16)
    ends = []
    for end in steps.view(np.uint16).reshape(-1, len(SHIFTS), CELLS):
        magnitudes = np.empty(_DISTANCES, np.int16)
        for shift, entries in zip(SHIFTS, end, strict=True):
            near = distances[: CELLS << shift] << np.uint16(FRACTION_BITS - shift)
            magnitudes[: len(near)] = (entries[near >> FRACTION_BITS] - near) >> FRACTION_BITS
        ends.append(magnitudes)
    return np.concatenate([-ends[0], ends[-1][::-1]])


def _steps_of_end(magnitudes: NDArray[np.int64]) -> NDArray[np.int16]:
    """int16 [4 * 64], of the magnitudes [32768] by distance, which fall."""
    steps = np.empty((len(SHIFTS), CELLS), np.int64)
    for level, shift in enumerate(SHIFTS):
        cells = magnitudes[: CELLS << shift].reshape(CELLS, 1 << shift)
        falls_after = (cells == cells[:, :1]).sum(axis=1) - 1
        last = (np.arange(CELLS) << shift) + falls_after
        steps[level] = (cells[:, 0] << FRACTION_BITS) + (last << (FRACTION_BITS - shift))
    return steps.ravel().astype(np.uint16).view(np.int16)
