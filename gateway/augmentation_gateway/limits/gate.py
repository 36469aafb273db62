"""A fair queue in front of the routes: one request starts per iteration of the event loop, each key in turn.

All requests of a process share one event loop, which runs everything that is ready before it polls the network again:
two thousand requests at once would delay everybody else. Here one starts per iteration; the next ones are those of the
keys that have waited the longest, so a key with a thousand requests waits for itself.
"""

import asyncio
from collections import OrderedDict, deque
from typing import Final

STARTS_PER_ITERATION: Final = 1


class Gate:
    """The queue. O(1) per request; a request that finds it empty does not wait."""

    def __init__(self, starts_per_iteration: int = STARTS_PER_ITERATION) -> None:
        self._most = starts_per_iteration
        self._started = 0
        self._is_scheduled = False
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def enter(self, key_id: str) -> None:
        """Wait until a request of this key may start."""
        loop = asyncio.get_running_loop()
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._next_iteration)
        if self._started < self._most and not self._waiting:
            self._started += 1
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(key_id, deque()).append(turn)
        await turn

    def _next_iteration(self) -> None:
        self._started = 0
        while self._waiting and self._started < self._most:
            key_id, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                # Behind all other keys.
                self._waiting[key_id] = turns
            if not turn.done():
                turn.set_result(None)
                self._started += 1
        self._is_scheduled = bool(self._waiting or self._started)
        if self._is_scheduled:
            asyncio.get_running_loop().call_soon(self._next_iteration)
