"""The shape that info.json declares for a camera: which of its numbers are height, width and channels.

LeRobot writes [height, width, channels]. Others write channels first, and the names beside the numbers may be those of
another order than theirs (lerobot#1249, any4lerobot#35), so the numbers decide as far as they can: a camera has 1, 3 or
4 channels, and more pixels than that per side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

COLOUR_CHANNELS = (3, 4)
"""RGB, and RGB with alpha."""
_CHANNELS = (1, *COLOUR_CHANNELS)
_LIKELY = (2, 0, 1)
"""Axes on which channels may be, the likeliest first."""
_CHANNEL_NAMES = frozenset({"channel", "channels", "c", "rgb", "rgba", "bgr"})
_WIDTH_NAMES = frozenset({"width", "w"})


@dataclass(frozen=True)
class CameraShape:
    """A declared shape, read.

    Attributes:
        declared: as info.json has it.
        height_axis, width_axis: positions of the sides in `declared`; None for a shape that has no sides.
        channels: number of channels; 0 for a shape that is not one of frames.
    """

    declared: tuple[int, ...]
    height_axis: int | None
    width_axis: int | None
    channels: int

    @classmethod
    def read(cls, declared: Sequence[int], names: Any) -> Self:
        """Read a shape.

        Args:
            declared: the numbers.
            names: `names` of info.json: a list, a dict with a list of `axes`, or anything else, which says nothing.
        """
        shape = tuple(declared)
        if len(shape) == 2:
            return cls(shape, 0, 1, 1)
        if len(shape) != 3:
            return cls(shape, None, None, 0)
        named = _named(names)
        channels = _channel_axis(shape, named)
        height, width = (axis for axis in range(3) if axis != channels)
        # Names of another order than the numbers' say nothing of the sides either.
        if len(named) == 3 and _named_channels(named) in (channels, None) and named[height] in _WIDTH_NAMES:
            height, width = width, height
        return cls(shape, height, width, shape[channels])

    @property
    def height(self) -> int:
        """Pixels; 0 where nothing says it."""
        return 0 if self.height_axis is None else self.declared[self.height_axis]

    @property
    def width(self) -> int:
        """Pixels; 0 where nothing says it."""
        return 0 if self.width_axis is None else self.declared[self.width_axis]

    def with_size(self, height: int, width: int) -> list[int]:
        """The same shape for frames of another size, in pixels; as it is where height and width are only swapped.

        Which of two numbers is the height only their names say, and those may be wrong.
        """
        if self.height_axis is None or self.width_axis is None or {self.height, self.width} == {height, width}:
            return list(self.declared)
        shape = list(self.declared)
        shape[self.height_axis], shape[self.width_axis] = height, width
        return shape


def _named(names: Any) -> list[str]:
    if isinstance(names, dict):
        names = names.get("axes")
    return [str(name).lower() for name in names] if isinstance(names, list) else []


def _named_channels(named: Sequence[str]) -> int | None:
    return next((axis for axis, name in enumerate(named[:3]) if name in _CHANNEL_NAMES), None)


def _channel_axis(shape: tuple[int, ...], named: Sequence[str]) -> int:
    possible = [axis for axis in _LIKELY if shape[axis] in _CHANNELS]
    if len(possible) == 1:
        return possible[0]
    by_name = _named_channels(named)
    return (possible or _LIKELY)[0] if by_name is None else by_name
