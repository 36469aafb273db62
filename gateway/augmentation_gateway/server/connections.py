"""The open connections of this process: how many there may be, which is closed for a new one, and which took too long.

Under a flood of connections there is always room for one more: what is closed is what has been idle the longest, at
first of those that have never sent a valid key. Of these also the oldest that is busy: whoever has no key must not keep
others out by asking all the time, or by not reading. What is new, and what has only just become idle, comes last. There
is no limit by address: behind a proxy all clients have one.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from augmentation_gateway.limits.limits import HttpLimits, Limits

SWEEP_SECONDS = 0.5
NEW_SECONDS = 1.0
"""Whatever has been idle for less than this is closed last: its request may be on its way."""


class Closable(Protocol):
    """What a connection is to this module."""

    key_id: str

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is being received or answered."""

    @property
    def unread_bytes(self) -> int:
        """How much of its answers its client has not read."""

    def end(self) -> None:
        """Close it now, whatever is left to send."""

    def sweep(self, now: float) -> None:
        """End what has taken too long."""


class Connections:
    """Every operation but `sweep` is O(1), and so is a new connection where there is an idle one to close.

    Args:
        limits: how many.
        http: what one may cost.
        refused: is told why something was refused or closed, in a word.
    """

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        http: HttpLimits = HttpLimits(),  # noqa: B008 - immutable
        refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.limits = limits
        self.http = http
        self.refused = refused
        self._all: set[Closable] = set()
        # The longest idle first. No plain dicts: the first of one whose first were taken out is found by a search.
        self._unknown: OrderedDict[Closable, float] = OrderedDict()
        self._idle_unknown: OrderedDict[Closable, float] = OrderedDict()
        self._idle_known: OrderedDict[Closable, float] = OrderedDict()
        self._by_key: dict[str, OrderedDict[Closable, None]] = {}
        self._unread: OrderedDict[Closable, None] = OrderedDict()
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: Closable) -> bool:
        """A new connection, idle. False where there is no room: as many as may be are all busy."""
        if self.limits.connections and len(self._all) >= self.limits.connections and not self._make_room():
            self.refused("connections")
            return False
        self._all.add(connection)
        self._unknown[connection] = self._idle_unknown[connection] = asyncio.get_running_loop().time()
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)
        return True

    def remove(self, connection: Closable) -> None:
        """It is closed."""
        self._all.discard(connection)
        self.busy(connection)
        self._unknown.pop(connection, None)
        self._unread.pop(connection, None)
        self._forget_key(connection)

    def busy(self, connection: Closable) -> None:
        """A request has come."""
        self._idle_unknown.pop(connection, None)
        self._idle_known.pop(connection, None)

    def idle(self, connection: Closable) -> None:
        """Its requests are answered."""
        if connection in self._all:
            idle = self._idle_known if connection.key_id else self._idle_unknown
            idle[connection] = asyncio.get_running_loop().time()

    def used_by(self, connection: Closable, key_id: str) -> bool:
        """A valid key came over it. False where the key has as many connections as it may, all busy."""
        if connection.key_id == key_id or connection not in self._all:
            # One that was closed while its key was looked up holds no place.
            return True
        held = self._by_key.setdefault(key_id, OrderedDict())
        if self.limits.connections_per_key and len(held) >= self.limits.connections_per_key:
            longest_idle = next((each for each in held if each.is_idle), None)
            if longest_idle is None:
                return False
            self.refused("connections_per_key")
            self._end(longest_idle)
        self._forget_key(connection)
        connection.key_id = key_id
        self._unknown.pop(connection, None)
        self._by_key.setdefault(key_id, OrderedDict())[connection] = None
        return True

    def unread(self, connection: Closable) -> None:
        """Its client does not read its answers as fast as they are sent. Where that is too much in all, the connection
        that has been so the longest is ended."""
        self._unread[connection] = None
        total = sum(each.unread_bytes for each in self._unread)
        while total > self.http.unread_bytes and self._unread:
            longest = next(iter(self._unread))
            total -= longest.unread_bytes
            self.refused("unread")
            self._end(longest)

    def read(self, connection: Closable) -> None:
        """Its client has read them."""
        self._unread.pop(connection, None)

    def _make_room(self) -> bool:
        """Close the one that is missed the least. False where all are in use with valid keys: busy, or a moment ago."""
        old = asyncio.get_running_loop().time() - NEW_SECONDS
        orders = (
            (self._idle_unknown, old),
            (self._unknown, old),
            (self._idle_known, old),
            # By age, busy or not: the last one that has come has as much time to ask as there can be.
            (self._unknown, math.inf),
        )
        for order, until in orders:
            longest, since = next(iter(order.items()), (None, 0.0))
            if longest is not None and since <= until:
                self.refused("idle" if longest.is_idle else "busy_without_key")
                self._end(longest)
                return True
        return False

    def _end(self, connection: Closable) -> None:
        # At once, and not when the event loop says that it is closed: until then it would be counted, and chosen again.
        self.remove(connection)
        connection.end()

    def _forget_key(self, connection: Closable) -> None:
        if connection.key_id and (held := self._by_key.get(connection.key_id)) is not None:
            held.pop(connection, None)
            if not held:
                del self._by_key[connection.key_id]
        connection.key_id = ""

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        for connection in tuple(self._all):
            connection.sweep(loop.time())
        self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep) if self._all else None
