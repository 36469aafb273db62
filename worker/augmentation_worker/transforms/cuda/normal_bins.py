"""A table of noise by 16-bit random number, 128 KiB, as one of a few kilobytes that stays near a card's processors.

A card reads 32 values of a table at once, and quickly only where they lie in few cache lines. The table of gaussian
noise rises slowly: in a bin of random numbers that are near each other it takes one value, or two neighbouring ones.
Bins are as wide as the numbers are far from the end of the table, where it is steep: a bin is the exponent and the
first bits of the fraction of a floating-point number.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

HALF = 1 << 15
FLOAT_FRACTION_BITS = 23
ONE = 127
"""The exponent field of 1.0 as a 32-bit float: IEEE 754."""
OCTAVES = 16
UPPER = 256
"""Times 2**bits: how far the bins of the upper half of the numbers are behind those of the lower half."""
_FEWEST_BITS, _MOST_BITS = 2, 7


class NormalBins:
    """The table in bins.

    Attributes:
        bits: bits of the fraction that choose the bin.
        entries: int32 [(256 + 16) * 2**bits], a bin each: those of the lower half of the numbers, and from
            256 * 2**bits on those of the upper half. With a number of the bin added, divided by 65536 and rounded
            down, an entry is the table's value for that number.
    """

    def __init__(self, table: NDArray[np.int16]) -> None:
        for bits in range(_FEWEST_BITS, _MOST_BITS + 1):
            entries = _entries(table, bits)
            if np.array_equal(_look_up(entries, bits), table):
                self.bits, self.entries = bits, entries
                return
        raise ValueError("a table of noise must not fall from one number to the next")


@lru_cache(maxsize=256)
def normal_bins(table: bytes) -> NormalBins:
    """The bins of the bytes of a table, int16 [65536]; made once for each noise."""
    return NormalBins(np.frombuffer(table, np.int16))


def bins_of(bits: int) -> NDArray[np.int64]:
    """int64 [65536]: the bin of each random number; the kernels compute the same."""
    numbers = np.arange(2 * HALF, dtype=np.int64)
    from_end = np.where(numbers < HALF, numbers, 2 * HALF - 1 - numbers)
    fields = (from_end + 1).astype(np.float32).view(np.int32).astype(np.int64)
    place = (fields >> (FLOAT_FRACTION_BITS - bits)) - (ONE << bits)
    return place + np.where(numbers < HALF, 0, UPPER << bits)


def _entries(table: NDArray[np.int16], bits: int) -> NDArray[np.int32]:
    bins = bins_of(bits)
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    entries = np.zeros((UPPER + OCTAVES) << bits, np.int64)
    ends = np.append(starts[1:], len(table)) - 1
    first, last = table[starts].astype(np.int64), table[ends].astype(np.int64)
    # Where the table is last in this bin what it is at its start: from there on it is one more, if it changes at all.
    changes = np.searchsorted(table, first, side="right").clip(starts, ends)
    entries[bins[starts]] = np.where(first == last, first, first + 1) * (2 * HALF) - np.where(first == last, 0, changes)
    return entries.astype(np.int32)


def _look_up(entries: NDArray[np.int32], bits: int) -> NDArray[np.int64]:
    looked_up: NDArray[np.int64] = (entries[bins_of(bits)].astype(np.int64) + np.arange(2 * HALF)) >> 16
    return looked_up
