"""A fixed number of buffers that are lent and returned: nothing is allocated per batch, and memory has a bound."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Buffer = TypeVar("Buffer")


class RingExhausted(RuntimeError):
    """All buffers of a ring are lent, and none comes back."""


class Loan(Generic[Buffer]):
    """A buffer that is lent; it is free again when it is returned.

    Attributes:
        buffer: what is lent. Whoever has returned it must not touch it.
    """

    def __init__(self, ring: "BufferRing[Buffer]", place: int, buffer: Buffer) -> None:
        self.buffer = buffer
        self._ring = ring
        self._place = place
        self._is_lent = True

    def give_back(self) -> None:
        """Return the buffer.

        Raises:
            ValueError: if it was returned already: someone else may be writing to it.
        """
        with self._ring.condition:
            if not self._is_lent:
                raise ValueError(f"buffer {self._place} was returned more often than it was lent")
            self._is_lent = False
            self._ring.free.append(self._place)
            self._ring.condition.notify()


class BufferRing(Generic[Buffer]):
    """Buffers of one size, made when they are first needed, at most `size` of them. Safe to use from several threads.

    Args:
        size: most buffers that exist at one time.
        make: makes one.
    """

    def __init__(self, size: int, make: Callable[[], Buffer]) -> None:
        if size < 1:
            raise ValueError(f"a ring has at least one buffer, not {size}")
        self.condition = threading.Condition()
        self.free: list[int] = []
        self._size = size
        self._make = make
        self._buffers: list[Buffer] = []

    def lend(self, timeout_s: float | None = None) -> Loan[Buffer]:
        """Lend a buffer, after waiting until one is free.

        Args:
            timeout_s: longest wait, seconds; None: for ever.

        Raises:
            RingExhausted: if none is returned in that time.
        """
        with self.condition:
            if not self.condition.wait_for(self._has_one, timeout_s):
                raise RingExhausted(f"none of {self._size} buffers was returned within {timeout_s} s")
            return self._lend()

    @property
    def made(self) -> int:
        """How many buffers exist."""
        return len(self._buffers)

    def _has_one(self) -> bool:
        return bool(self.free) or len(self._buffers) < self._size

    def _lend(self) -> Loan[Buffer]:
        if not self.free:
            self._buffers.append(self._make())
            self.free.append(len(self._buffers) - 1)
        place = self.free.pop()
        return Loan(self, place, self._buffers[place])
