"""A small table in the memory that the threads of a program share: 32 entries at once, wherever they are in it.

Memory that all programs share is read by lines of 128 bytes, one after the other; here two entries wait for each other
only where they lie in the same one of 32 banks.
"""

import triton
import triton.language as tl


@triton.jit
def of_both(table, first, second):
    """Entries at two tiles of places, looked up together: a table is put there for each look-up.

    Args:
        table: [n], n a power of two.
        first, second: places int32, of the same shape [rows, run].
    """
    shape: tl.constexpr = first.shape
    entries = tl.gather(table, tl.reshape(tl.join(first, second), [2 * shape[0] * shape[1]]), 0)
    return tl.split(tl.reshape(entries, [shape[0], shape[1], 2]))


@triton.jit
def of_one(table, places):
    """Entries at a tile of places; as `of_both`."""
    shape: tl.constexpr = places.shape
    return tl.reshape(tl.gather(table, tl.reshape(places, [shape[0] * shape[1]]), 0), [shape[0], shape[1]])
