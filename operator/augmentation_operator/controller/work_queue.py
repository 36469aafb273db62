"""The queue of keys to reconcile: each key is in it at most once, and handled by at most one worker at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from augmentation_operator.scale import Lanes

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 60.0
MOST_DOUBLINGS = 32
"""Far beyond the longest backoff; without it a thousand failures overflow a float."""


class WorkQueue:
    """Keys waiting to be handled. All methods belong to one event loop; each is O(1).

    Adding a key that waits already changes nothing; a key that is added while it is handled is handled again
    afterwards. A key that keeps failing is requeued with exponential backoff, up to LONGEST_BACKOFF_SECONDS.

    Args:
        can_wait: whether a key that is added goes behind those that cannot wait.
            It is still handled in its turn, however many others come.
    """

    def __init__(self, can_wait: Callable[[str], bool] = lambda key: False) -> None:
        self._can_wait = can_wait
        self._lanes = Lanes()
        self._ready = asyncio.Semaphore(0)
        self._waiting: set[str] = set()
        self._processing: set[str] = set()
        self._dirty: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}

    def add(self, key: str) -> None:
        """Queue a key: it is handled as soon as a worker is free."""
        self._cancel_timer(key)
        if key in self._processing:
            self._dirty.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._lanes.append(key, high=not self._can_wait(key))
            self._ready.release()

    def add_after(self, key: str, delay: timedelta) -> None:
        """Queue a key after a delay, unless it is added before. The sooner of two delays counts."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, delay.total_seconds())
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= due:
            return
        self._cancel_timer(key)
        self._timers[key] = loop.call_at(due, self.add, key)

    @property
    def depth(self) -> int:
        """Number of keys that wait for a worker now."""
        return len(self._waiting)

    def forget(self, key: str) -> None:
        """Drop the timer and the failures of a key whose object was deleted."""
        self._cancel_timer(key)
        self._failures.pop(key, None)

    async def work(self, handle: Callable[[str], Awaitable[timedelta | None]], on_error: Callable[[str], None]) -> None:
        """Handle keys until cancelled. `handle` returns when to requeue the key; an exception requeues it with backoff.

        `on_error` is called inside the exception's handler, to log it.
        """
        while True:
            await self._ready.acquire()
            key = self._lanes.popleft()
            self._waiting.discard(key)
            self._processing.add(key)
            try:
                requeue_after = await handle(key)
                self._failures.pop(key, None)
            except Exception:
                on_error(key)
                failures = self._failures[key] = self._failures.get(key, 0) + 1
                requeue_after = timedelta(
                    seconds=min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(failures - 1, MOST_DOUBLINGS))
                )
            finally:
                self._processing.discard(key)
            if key in self._dirty:
                self._dirty.discard(key)
                self.add(key)
            elif requeue_after is not None:
                self.add_after(key, requeue_after)

    def _cancel_timer(self, key: str) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
