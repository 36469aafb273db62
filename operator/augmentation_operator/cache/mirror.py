"""Objects of one kind as the API server has them, in groups, such as the pods of each job. A Reflector keeps them."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")

log = logging.getLogger(__name__)


class _Listed(NamedTuple):
    uid: str
    group: str
    item: Any


class Mirror(Generic[Item]):
    """Objects by group. Finding those of one is O(1).

    What cannot be read is said and left out: one object must not stop the others.

    Args:
        group: the group that an object belongs to.
        read: what is kept of an object. KeyError and ValueError, pydantic's too, mean that it cannot be read.
        changed: told of each group in which something is another than before.
    """

    def __init__(
        self,
        group: Callable[[Mapping[str, Any]], str],
        read: Callable[[Mapping[str, Any]], Item],
        changed: Callable[[str], None],
    ) -> None:
        self._group, self._read, self._changed = group, read, changed
        self._groups: dict[str, dict[str, Item]] = {}
        self._group_of: dict[str, str] = {}
        self._is_filled = asyncio.Event()

    async def filled(self) -> None:
        """Wait until all that there is has been seen once."""
        await self._is_filled.wait()

    def of(self, group: str) -> Collection[Item]:
        """The objects of one group."""
        return self._groups.get(group, {}).values()

    def __len__(self) -> int:
        """How many objects there are."""
        return len(self._group_of)

    def keep(self, raw: Mapping[str, Any]) -> _Listed:
        """What is needed of an object of a list."""
        return _Listed(raw["metadata"]["uid"], self._group(raw), self._try_read(raw))

    def replace(self, listing: Mapping[str, Any]) -> None:
        """Take over a whole list of what `keep` has made."""
        before, self._groups, self._group_of = self._groups, {}, {}
        for uid, group, item in listing["items"]:
            self._put(uid, group, item)
        self._is_filled.set()
        for group in before | self._groups:
            if before.get(group) != self._groups.get(group):
                self._changed(group)

    def apply(self, event: Mapping[str, Any]) -> int:
        """Take over one event of a watch. Returns the version from which the watch can be resumed."""
        raw = event["object"]
        if event["type"] != "BOOKMARK":
            uid, group, item = self.keep(raw)
            if event["type"] == "DELETED":
                self._remove(uid)
            else:
                self._put(uid, group, item)
            self._changed(group)
        return int(raw["metadata"]["resourceVersion"])

    def _put(self, uid: str, group: str, item: Item | None) -> None:
        self._remove(uid)
        if item is not None:
            self._group_of[uid] = group
            self._groups.setdefault(group, {})[uid] = item

    def _remove(self, uid: str) -> None:
        group = self._group_of.pop(uid, None)
        if group is not None:
            members = self._groups[group]
            del members[uid]
            if not members:
                del self._groups[group]

    def _try_read(self, raw: Mapping[str, Any]) -> Item | None:
        try:
            return self._read(raw)
        except (KeyError, ValueError) as error:
            metadata = raw["metadata"]
            name = "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
            log.error("%s %s cannot be read and is ignored: %s", raw.get("kind", "object"), name, error)
            return None
