"""Slow drift: sampled values that wander smoothly over an episode, within their ranges."""

from dataclasses import dataclass

from numpy.random import Philox

FRAMES_PER_POINT = 90
"""Frames from one control point to the next: three seconds at 30 frames per second."""
_BLOCKS = 16  # Philox counters per control point, of four words each: room for 64 values


@dataclass(frozen=True)
class Drift:
    """Smooth random curves of the frame's index, the same in whatever order they are asked for.

    A uniform cubic B-spline through random control points: position, speed and acceleration have no jumps, and it stays
    within the values of its points (C. de Boor, "A Practical Guide to Splines", 1978).

    Attributes:
        key: of the control points, 128 bits.
        extent: how far the values wander, 0 to 1: of half their range to either side.
    """

    key: int
    extent: float

    def wander(
        self, values: tuple[float, ...], ranges: tuple[tuple[float, float], ...], frame: int
    ) -> tuple[float, ...]:
        """The values at a frame: around those that were sampled, and within their ranges."""
        if self.extent == 0:
            return values
        point, rest = divmod(frame, FRAMES_PER_POINT)
        f = rest / FRAMES_PER_POINT
        weights = (
            (1 - f) * (1 - f) * (1 - f) / 6,
            (3 * f * f * f - 6 * f * f + 4) / 6,
            (3 * (f + f * f - f * f * f) + 1) / 6,
            f * f * f / 6,
        )
        points = [self._point(point + offset, len(values)) for offset in range(len(weights))]
        wandered = []
        for place, (value, (low, high)) in enumerate(zip(values, ranges, strict=True)):
            curve = sum(weight * at[place] for weight, at in zip(weights, points, strict=True))
            wandered.append(min(max(value + self.extent * (high - low) / 2 * curve, low), high))
        return tuple(wandered)

    def _point(self, index: int, count: int) -> tuple[float, ...]:
        """`count` values of a control point, -1 to 1."""
        words = Philox(counter=index * _BLOCKS, key=self.key).random_raw(count)
        return tuple((int(word) >> 11) * 2.0**-52 - 1 for word in words)
