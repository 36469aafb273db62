"""A table of noise by 16-bit random number, 128 KiB, as one of a few kilobytes that stays beside a GPU's processors.

A GPU reads 32 values of a table at once, and quickly only where the table is small. The table of gaussian noise rises
slowly: in a bin of random numbers that are near each other it takes one value, or two neighbouring ones. Bins are as
wide as the numbers are far from the end of the table, where it is steep: a bin is the exponent and the first bits of
the fraction of a floating-point number.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

HALF = 1 << 15
FLOAT_FRACTION_BITS = 23
ONE = 127
"""The exponent field of 1.0 as a 32-bit float: IEEE 754."""
EXACT_FLOAT = 0x4B000000
"""As a float 2**23, whose last bit is one: or'ed with a smaller number it is their sum."""
ZERO = float((1 << FLOAT_FRACTION_BITS) + HALF)
"""The float that the kernels have for random number 0, whose first bit they turn; that for 65535 is one less."""
UPPER_SCALE = 65536.0
"""Numbers of the upper half have other exponents than those of the lower: 16 more."""
OCTAVES = 32
_FEWEST_BITS, _MOST_BITS = 3, 7
"""Bins of 2 bits would do for sigma up to 6, but each number of bits is a kernel that has to be compiled."""


class NormalBins:
    """Tables in bins.

    Attributes:
        entries: int32 [tables, 32 * 2**bits], a bin each, by the exponent and so many bits of the fraction. With the
            bits of a number's float added, divided by 65536 and rounded down, an entry is the table's value.

    Args:
        tables: int16 [65536] each.
    """

    def __init__(self, tables: Sequence[NDArray[np.int16]]) -> None:
        for bits in range(_FEWEST_BITS, _MOST_BITS + 1):
            entries = [_entries(table.tobytes(), bits) for table in tables]
            if all(np.array_equal(_look_up(each, bits), table) for each, table in zip(entries, tables, strict=True)):
                self.entries = np.stack(entries)
                return
        raise ValueError("a table of noise must not fall from one number to the next")


def bits_of(entries: Any) -> int:
    """How many bits of the fraction choose among entries [tables, 32 * 2**bits]; 0 of something else."""
    return max(int(entries.shape[-1] // OCTAVES).bit_length() - 1, 0)


def floats_of() -> NDArray[np.int64]:
    """int64 [65536]: the bits of the float that the kernels have for each random number."""
    return EXACT_FLOAT + (np.arange(2 * HALF) ^ HALF)


def bins_of(bits: int) -> NDArray[np.int64]:
    """int64 [65536]: the bin of each random number; the kernels compute the same."""
    exact = floats_of().astype(np.int32).view(np.float32)
    of_lower = exact - np.float32(ZERO - 1)
    of_upper = (np.float32(ZERO) - exact) * np.float32(UPPER_SCALE)
    fields = np.maximum(of_lower, of_upper).view(np.int32).astype(np.int64)
    bins: NDArray[np.int64] = (fields >> (FLOAT_FRACTION_BITS - bits)) - (ONE << bits)
    return bins


@lru_cache(maxsize=256)
def _entries(content: bytes, bits: int) -> NDArray[np.int32]:
    table, bins, floats = np.frombuffer(content, np.int16), bins_of(bits), floats_of()
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    entries = np.zeros(OCTAVES << bits, np.int64)
    ends = np.append(starts[1:], len(table)) - 1
    first, last = table[starts].astype(np.int64), table[ends].astype(np.int64)
    # Where the table is last in this bin what it is at its start: from there on it is one more, if it changes at all.
    changes = np.searchsorted(table, first, side="right").clip(starts, ends)
    values = np.where(first == last, first, first + 1) * (2 * HALF)
    entries[bins[starts]] = values - np.where(first == last, floats[starts], floats[changes])
    return entries.astype(np.int32)


def _look_up(entries: NDArray[np.int32], bits: int) -> NDArray[np.int64]:
    looked_up: NDArray[np.int64] = (entries[bins_of(bits)] + floats_of().astype(np.int32)).astype(np.int64) >> 16
    return looked_up
