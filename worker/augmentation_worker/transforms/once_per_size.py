"""What all frames of an episode share, made once: batches are small, and it may cost as much as their pixels do."""

from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class OncePerSize(Generic[Made]):
    """The result of a function of height and width, kept for each size: it is not to be changed.

    Safe to use from several threads: at worst, two of them make the same.
    """

    def __init__(self, make: Callable[[int, int], Made]) -> None:
        self._make = make
        self._made: dict[tuple[int, int], Made] = {}

    def __call__(self, height: int, width: int) -> Made:
        """What was made for frames of this size."""
        made = self._made.get((height, width))
        if made is None:
            made = self._made[height, width] = self._make(height, width)
        return made
