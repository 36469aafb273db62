"""The queue between what changes and what is reconciled: each key at most once in it, and in one worker's hands."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta

PASSED_OVER = 15
"""Of so many keys in a row that go before those that can wait, the next is one that waits."""
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 60.0
MOST_DOUBLINGS = 32
"""Far beyond the longest; without it a thousand failures are more than a float holds."""


class WorkQueue:
    """Keys waiting to be handled. All methods belong to one event loop; each is O(1).

    Adding a key that waits already changes nothing; adding one that is being handled lets it be handled once more
    afterwards. A key that keeps failing comes back ever later, never less often than LONGEST_BACKOFF_SECONDS.

    Args:
        can_wait: asked of a key when it begins to wait: whether it goes behind those that cannot. It is still handled
            in its turn, however many others come (PASSED_OVER).
    """

    def __init__(self, can_wait: Callable[[str], bool] = lambda key: False) -> None:
        self._can_wait = can_wait
        self._first: deque[str] = deque()
        self._later: deque[str] = deque()
        self._passed_over = 0
        self._ready = asyncio.Semaphore(0)
        self._waiting: set[str] = set()
        self._handled: set[str] = set()
        self._again: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}

    def add(self, key: str) -> None:
        """Let a key be handled as soon as a worker is free."""
        self._cancel_timer(key)
        if key in self._handled:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            (self._later if self._can_wait(key) else self._first).append(key)
            self._ready.release()

    def add_after(self, key: str, delay: timedelta) -> None:
        """Let a key be handled after a delay, unless it is added before. The sooner of two delays counts."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, delay.total_seconds())
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= due:
            return
        self._cancel_timer(key)
        self._timers[key] = loop.call_at(due, self.add, key)

    @property
    def depth(self) -> int:
        """Keys that wait for a worker now."""
        return len(self._waiting)

    def forget(self, key: str) -> None:
        """Drop what is remembered of a key whose object is gone."""
        self._cancel_timer(key)
        self._failures.pop(key, None)

    async def work(self, handle: Callable[[str], Awaitable[timedelta | None]], on_error: Callable[[str], None]) -> None:
        """Handle keys until cancelled. `handle` answers when it wants the key again; an exception brings it back too.

        `on_error` is called inside the exception's handler, to log it.
        """
        while True:
            await self._ready.acquire()
            key = self._next()
            self._waiting.discard(key)
            self._handled.add(key)
            try:
                again_after = await handle(key)
                self._failures.pop(key, None)
            except Exception:
                on_error(key)
                failures = self._failures[key] = self._failures.get(key, 0) + 1
                again_after = timedelta(
                    seconds=min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(failures - 1, MOST_DOUBLINGS))
                )
            finally:
                self._handled.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)
            elif again_after is not None:
                self.add_after(key, again_after)

    def _next(self) -> str:
        if self._first and not (self._later and self._passed_over >= PASSED_OVER):
            self._passed_over += bool(self._later)
            return self._first.popleft()
        self._passed_over = 0
        return self._later.popleft()

    def _cancel_timer(self, key: str) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
