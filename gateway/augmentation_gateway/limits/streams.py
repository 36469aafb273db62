"""The open event streams of this process, and how a shutdown ends them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

HEARTBEAT_SECONDS = 15.0
"""Often enough for proxies that close a connection after 30 or 60 silent seconds."""


class Streams:
    """The streams, which a shutdown ends in order.

    Args:
        heartbeat_seconds: a stream sends a comment after this time without an event.
    """

    def __init__(self, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self.heartbeat_seconds = heartbeat_seconds
        self.draining = False
        self._wake: set[Callable[[], None]] = set()

    def __len__(self) -> int:
        return len(self._wake)

    @contextmanager
    def open(self, wake: Callable[[], None]) -> Iterator[None]:
        """Register an open stream; `wake` makes it check whether it has to end."""
        self._wake.add(wake)
        try:
            yield
        finally:
            self._wake.discard(wake)

    def drain(self) -> None:
        """Let every stream send what is pending and end; its client reconnects to another replica."""
        self.draining = True
        for wake in tuple(self._wake):
            wake()
