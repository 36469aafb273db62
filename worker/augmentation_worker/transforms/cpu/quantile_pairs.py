"""Normal quantiles by 16-bit number, 128 KiB, as pairs of neighbours, 34 KiB: they fit a processor's nearest cache.

Half of them are enough, as they are symmetric: those of the numbers by their distance from the nearer end, 0 to 32767.
At the ends they are steep. From PAIRED_FROM on neighbours are equal or follow each other, and share an entry.
"""

import numpy as np
from numpy.typing import NDArray

PAIRED_FROM = 2048
_DISTANCES = 1 << 15


def pair_quantiles(quantiles: NDArray[np.int16]) -> NDArray[np.uint16]:
    """uint16 [17408]: by distance d, the entries of single ones, then of pairs; d belongs to min(d, (d + 2048) / 2).

    An entry is twice the magnitude of its quantile, or of the farther one of a pair, plus 1 if the nearer one's is
    greater by one.

    Raises:
        ValueError: if the quantiles [65536] are not symmetric, or neighbours farther apart.
    """
    magnitudes = -quantiles[:_DISTANCES].astype(np.int64)
    nearer, farther = magnitudes[PAIRED_FROM::2], magnitudes[PAIRED_FROM + 1 :: 2]
    if not np.array_equal(quantiles[: _DISTANCES - 1 : -1], magnitudes) or not np.isin(nearer - farther, (0, 1)).all():
        raise ValueError("these are not the quantiles of a symmetric distribution, or are too far apart for pairs")
    return np.concatenate([2 * magnitudes[:PAIRED_FROM], farther + nearer]).astype(np.uint16)
