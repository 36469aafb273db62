"""Requests in progress, each ended when its key is no longer in force.

A key is checked when a request begins. Requests that take longer (an event stream, a preview, a response that its
client reads slowly) are checked here, every CHECK_SECONDS: O(open requests), with one look-up each.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from augmentation_gateway.credentials.keys import ApiKey

CHECK_SECONDS = 1.0


class KeyEnded(Exception):
    """The key of a request was revoked, or has expired, while the request was in progress."""


class OpenRequests:
    """The requests in progress of one process, each by its timeout scope."""

    def __init__(self) -> None:
        self._open: dict[asyncio.Timeout, ApiKey] = {}

    def __len__(self) -> int:
        return len(self._open)

    @asynccontextmanager
    async def track(self, key: ApiKey) -> AsyncIterator[None]:
        """Track a request of this key inside. Raises KeyEnded as soon as the key is no longer in force."""
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._open[scope] = key
                try:
                    yield
                finally:
                    del self._open[scope]
        except TimeoutError:
            if scope.expired():
                raise KeyEnded from None
            raise

    def end_revoked(self, holds: Callable[[ApiKey], bool]) -> None:
        """End the requests whose key is not in force."""
        now = asyncio.get_running_loop().time()
        for scope, key in self._open.items():
            if not scope.expired() and not holds(key):
                scope.reschedule(now)

    async def follow(self, holds: Callable[[ApiKey], bool]) -> None:
        """Check all open requests, repeatedly, until cancelled."""
        while True:
            self.end_revoked(holds)
            await asyncio.sleep(CHECK_SECONDS)
