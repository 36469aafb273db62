"""Who goes next: requests are begun one each time round the event loop, one of each key in turn.

All requests of a process share one event loop, which runs what is ready before it looks at the network again. Of two
thousand requests that come at once, everybody else would wait for all. Here one is begun each time round; the next
ones are those of the keys that have waited the longest, so a key with a thousand requests waits for itself.
"""

import asyncio
from collections import OrderedDict, deque

BEGUN_AT_ONCE = 1


class Gate:
    """O(1) a request. One that finds nobody waiting does not wait."""

    def __init__(self, begun_at_once: int = BEGUN_AT_ONCE) -> None:
        self._most = begun_at_once
        self._begun = 0
        self._is_scheduled = False
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def enter(self, key_id: str) -> None:
        """Wait for one's turn."""
        loop = asyncio.get_running_loop()
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._next_round)
        if self._begun < self._most and not self._waiting:
            self._begun += 1
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(key_id, deque()).append(turn)
        await turn

    def _next_round(self) -> None:
        self._begun = 0
        while self._waiting and self._begun < self._most:
            key_id, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                # Behind all others that wait.
                self._waiting[key_id] = turns
            if not turn.done():
                turn.set_result(None)
                self._begun += 1
        self._is_scheduled = bool(self._waiting or self._begun)
        if self._is_scheduled:
            asyncio.get_running_loop().call_soon(self._next_round)
