"""Statistics of an episode's images as LeRobot defines them, exact and in constant memory.

LeRobot's definition (huggingface/lerobot 0.6, src/lerobot/datasets/compute_stats.py): some frames of the episode are
sampled, large ones are thinned to about 150 pixels, and each channel's values, divided by 255, give min, max, mean,
std and quantiles. Its quantiles come from a histogram of 5000 bins over the values' range. Here the values are
8-bit, so a histogram of 256 bins holds them all: every figure is exact, whatever the order or size of the batches.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from augmentation_worker.transforms.cpu import kernels

CHANNELS = 3
LEVELS = 256
QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}

Channels = tuple[float, float, float]
"""One number for each of red, green and blue."""


def sampled_frames(frames: int) -> NDArray[np.int64]:
    """Ascending indices of the frames that LeRobot samples from an episode of `frames` frames.

    frames^0.75 of them, at least 100 (or all) and at most 10,000, evenly spaced from the first to the last:
    `estimate_num_samples` and `sample_indices` in LeRobot's compute_stats.py.
    """
    samples = max(min(frames, 100), min(int(frames**0.75), 10_000))
    return np.round(np.linspace(0, frames - 1, samples)).astype(np.int64)


def thinning_step(height: int, width: int) -> int:
    """Distance, in pixels, of the pixels that LeRobot takes, in both directions: `auto_downsample_height_width`.

    Frames below 300 pixels are taken whole, larger ones thinned to about 150 on the longer side.
    """
    longer = max(height, width)
    return 1 if longer < 300 else longer // 150


@dataclass(frozen=True)
class ImageStatistics:
    """Statistics of one camera over one episode: per channel, over 0 to 1.

    Attributes:
        min, max, mean, std: as numpy computes them (std is that of the population, ddof 0).
        q01, q10, q50, q90, q99: quantiles; the least value that at least that share of all pixels does not exceed
            (numpy's `inverted_cdf`), which LeRobot's are within one of its bins, 1/5000 of max - min.
        count: the number of frames that were sampled, LeRobot's weight of the episode in the dataset's statistics.
    """

    min: Channels
    max: Channels
    mean: Channels
    std: Channels
    q01: Channels
    q10: Channels
    q50: Channels
    q90: Channels
    q99: Channels
    count: int

    def to_feature_stats(self) -> dict[str, list[list[list[float]]] | list[int]]:
        """The statistics as LeRobot's metadata holds them: (3, 1, 1) as nested lists, count as a list of one."""
        stats: dict[str, list[list[list[float]]] | list[int]] = {
            field.name: [[[value]] for value in getattr(self, field.name)]
            for field in fields(self)
            if field.name != "count"
        }
        return {**stats, "count": [self.count]}


class ImageStatisticsCollector:
    """Collects the statistics of an episode from its frames, batch by batch; O(256) memory.

    Args:
        frames: length of the episode, frames; it decides which of them are sampled.
    """

    def __init__(self, frames: int) -> None:
        self._sampled = sampled_frames(frames)
        self._histogram = np.zeros((CHANNELS, LEVELS), dtype=np.int64)
        self._count = 0

    def add(self, pixels: NDArray[np.uint8], first_frame: int) -> None:
        """Add consecutive frames, in any order of batches, each frame once.

        Args:
            pixels: uint8 [N, 3, H, W].
            first_frame: index in the episode of the first of them.
        """
        step = thinning_step(*pixels.shape[-2:])
        begin, end = np.searchsorted(self._sampled, [first_frame, first_frame + len(pixels)])
        for frame in self._sampled[begin:end]:
            kernels.count_values(pixels[frame - first_frame], step, self._histogram)
            self._count += 1

    def result(self) -> ImageStatistics:
        """The statistics of all frames.

        Raises:
            ValueError: if frames that are sampled were not passed.
        """
        if self._count != len(self._sampled):
            raise ValueError(f"statistics need {len(self._sampled)} sampled frames, {self._count} were passed")
        return statistics_of_histogram(self._histogram, self._count)


def statistics_of_histogram(histogram: NDArray[np.int64], count: int) -> ImageStatistics:
    """The statistics of 8-bit values, from how often each occurs.

    Args:
        histogram: int64 [3, 256], occurrences of each value in each channel.
        count: the number of frames they come from.

    Raises:
        ValueError: if a channel has no values.
    """
    red, green, blue = (_statistics_of_channel(channel) for channel in histogram)
    return ImageStatistics(**{name: (red[name], green[name], blue[name]) for name in red}, count=count)


def _statistics_of_channel(histogram: NDArray[np.int64]) -> dict[str, float]:
    # Python's integers: the sums are exact, however many pixels there are.
    occurrences = [int(number) for number in histogram]
    total = sum(occurrences)
    if total == 0:
        raise ValueError("statistics of no pixels are not defined")
    first = sum(value * number for value, number in enumerate(occurrences))
    second = sum(value * value * number for value, number in enumerate(occurrences))
    present = np.flatnonzero(histogram)
    cumulative = np.cumsum(histogram)
    scale = LEVELS - 1
    return {
        "min": int(present[0]) / scale,
        "max": int(present[-1]) / scale,
        "mean": first / (total * scale),
        # total² x variance = total x second - first², in integers: nothing cancels.
        "std": float(np.sqrt((total * second - first * first) / total**2)) / scale,
        **{name: int(np.searchsorted(cumulative, share * total)) / scale for name, share in QUANTILES.items()},
    }
