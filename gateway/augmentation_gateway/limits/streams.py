"""The open event streams of this process: how many there are, and how they end when it goes away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

HEARTBEAT_SECONDS = 15.0
"""Often enough for proxies that cut a connection after 30 or 60 silent seconds."""


class Streams:
    """Keeps the streams, so that a shutdown can end them in order.

    Args:
        heartbeat_seconds: after so long a silence a stream says that it is still there.
    """

    def __init__(self, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self.heartbeat_seconds = heartbeat_seconds
        self.draining = False
        self._wake: set[Callable[[], None]] = set()

    def __len__(self) -> int:
        return len(self._wake)

    @contextmanager
    def open(self, wake: Callable[[], None]) -> Iterator[None]:
        """A stream is open; `wake` makes it look whether it has to end."""
        self._wake.add(wake)
        try:
            yield
        finally:
            self._wake.discard(wake)

    def drain(self) -> None:
        """Let every stream send what there is and end; its client goes on with another replica."""
        self.draining = True
        for wake in tuple(self._wake):
            wake()
