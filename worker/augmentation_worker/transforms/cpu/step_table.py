"""A table of noise by 16-bit random number, 64 KiB, as steps: one of 1 KiB, which fits the registers of a processor.

A table of gaussian noise rises slowly, so that over a cell of neighbouring numbers it takes one value, or two that
follow each other. It is steep at its ends only: four levels divide its ends into ever shorter cells, each of them
64 cells at the lower end and 64 at the upper one. A number belongs to the level of the shortest cells that reach it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SHIFTS = (9, 6, 3, 0)
"""A level's cells are of 2**shift numbers: the first level's reach the middle, the last level's are single numbers."""
CELLS = 64
_NUMBERS = 1 << 16
NO_STEPS = np.empty(0, np.int16)


def step_table(table: NDArray[Any]) -> NDArray[np.int16]:
    """int16 [4 * 2 * 64], by level, end and cell; empty if the table [65536] rises too fast for it.

    With a number of the cell added, as 16 bits, and shifted right by the level's shift, an entry is what the table has
    for that number.
    """
    steps = np.empty((len(SHIFTS), 2, CELLS), np.int64)
    for level, shift in enumerate(SHIFTS):
        size = CELLS << shift
        for end, start in enumerate((0, _NUMBERS - size)):
            cells = table[start : start + size].astype(np.int64).reshape(CELLS, 1 << shift)
            first = cells[:, :1]
            rises_after = (cells == first).sum(axis=1)
            entry = (first[:, 0] << shift) + (1 << shift) - rises_after
            steps[level, end] = entry - (start + (np.arange(CELLS) << shift))
    wrapped = steps.ravel().astype(np.uint16).view(np.int16)
    return wrapped if np.array_equal(look_up_all(wrapped), table) else NO_STEPS


def look_up_all(steps: NDArray[np.int16]) -> NDArray[np.int16]:
    """int16 [65536]: what a step table has for each number; the twin of `vector_lookup.look_up_steps`."""
    numbers = np.arange(_NUMBERS, dtype=np.uint16)
    from_end = np.minimum(numbers, ~numbers)
    found = np.empty(_NUMBERS, np.int16)
    for shift, ends in zip(SHIFTS, steps.reshape(-1, 2 * CELLS), strict=True):
        near = from_end < CELLS << shift
        number = numbers[near]
        entry = ends[(number >> shift) % CELLS + CELLS * (number >= _NUMBERS // 2)]
        found[near] = (entry + number.view(np.int16)) >> shift
    return found
