"""A copy of one collection of the Kubernetes API, kept right by a list and the changes after it."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

logger = logging.getLogger(__name__)

GONE_KEPT = 1000
"""Objects that are remembered after they are gone: some megabytes at most."""

Record = TypeVar("Record")
_Raw = dict[str, Any]


@dataclass(frozen=True)
class _Held(Generic[Record]):
    version: int
    record: Record


@dataclass(frozen=True)
class Gone(Generic[Record]):
    """What is remembered of an object that is not there any more: its last version, and when that was noticed."""

    record: Record
    at: datetime


class ObjectCache(Generic[Record]):
    """Objects by uid. Reading one is a look-up, O(1); nothing here waits.

    resourceVersions are compared as the integers they are (the API promises that since Kubernetes 1.35), which is what
    lets an object that a request just wrote be put in beside the watch: whichever comes second, the newer one stays.

    Args:
        read: makes a record of an object as the API server sends it.
    """

    def __init__(self, read: Callable[[_Raw], Record]) -> None:
        self._read = read
        self._held: dict[str, _Held[Record]] = {}
        # Version up to which every change is known, from the list and the watch (not from `insert`).
        self._seen = 0
        # Those that are gone, the latest last. A uid is never used again, so whatever is heard of one later is old.
        self._gone: OrderedDict[str, Gone[Record]] = OrderedDict()
        self._listeners: dict[str, set[Callable[[], None]]] = {}
        self.synced = False
        self._records: tuple[int, tuple[Record, ...]] = (0, ())
        self.revision = 0
        """Another number whenever something has changed here, for what is made of all of it."""

    def get(self, uid: str) -> Record | None:
        """The object with this uid, or None."""
        held = self._held.get(uid)
        return None if held is None else held.record

    def gone(self, uid: str) -> Gone[Record] | None:
        """The last version of an object that was here and is not any more, while that is remembered."""
        return self._gone.get(uid)

    def records(self) -> tuple[Record, ...]:
        """All objects; one and the same tuple for all who ask, until something changes."""
        if self._records[0] != self.revision:
            self._records = self.revision, tuple(held.record for held in self._held.values())
        return self._records[1]

    @contextmanager
    def listening(self, uid: str, changed: Callable[[], None]) -> Iterator[None]:
        """Call `changed` whenever the object with this uid may be another one than before, or gone."""
        self._listeners.setdefault(uid, set()).add(changed)
        try:
            yield
        finally:
            listeners = self._listeners[uid]
            listeners.discard(changed)
            if not listeners:
                del self._listeners[uid]

    def __len__(self) -> int:
        return len(self._held)

    @staticmethod
    def keep(raw: _Raw) -> _Raw:
        """What is needed of an object: all but who wrote what.

        That has an entry a field manager, and a job has as many of those as shards: often most of the object.
        """
        raw["metadata"].pop("managedFields", None)
        return raw

    def replace(self, listing: _Raw) -> None:
        """Take over a whole list. What is not in it is gone, unless it was written after the list was made."""
        version = int(listing["metadata"]["resourceVersion"])
        # A list is never older than what was seen before it, except when the cluster was restored from a backup or
        # made anew behind the same address: then versions say nothing about what is newer.
        history_went_back = version < self._seen
        before = {} if history_went_back else self._held
        now: dict[str, _Held[Record]] = {uid: held for uid, held in before.items() if held.version > version}
        for raw in listing["items"]:
            uid, item_version = _identity(raw)
            held = before.get(uid)
            if held is not None and held.version >= item_version:
                now[uid] = held
            elif (read := self._try_read(raw)) is not None:
                now[uid] = _Held(item_version, read)
        self._held, self._seen, self.synced = now, version, True
        self.revision += 1
        for uid, held in before.items():
            if uid not in now:
                self._remember(uid, held.record)
        for uid in now:
            self._gone.pop(uid, None)
        for uid in list(self._listeners):
            self._tell(uid)

    def apply(self, event: _Raw) -> int:
        """Take over one event of a watch. Returns the version from which the watch can be resumed."""
        raw = event["object"]
        if event["type"] == "BOOKMARK":
            self._seen = max(self._seen, int(raw["metadata"]["resourceVersion"]))
            return self._seen
        uid, version = _identity(raw)
        if event["type"] == "DELETED":
            self.discard(uid)
        else:
            self._put(uid, version, raw)
        self._seen = max(self._seen, version)
        return self._seen

    def insert(self, raw: _Raw) -> None:
        """Take over the answer to a write, so that the very next read shows it."""
        uid, version = _identity(raw)
        if uid not in self._held and version <= self._seen:
            # The watch has come past this version and the object is not there: it was deleted in the meantime.
            return
        self._put(uid, version, raw)

    def discard(self, uid: str) -> None:
        """Take out an object that was deleted, so that the very next read does not show it."""
        if (held := self._held.pop(uid, None)) is not None:
            self._remember(uid, held.record)
            self.revision += 1
            self._tell(uid)

    def _remember(self, uid: str, record: Record) -> None:
        self._gone[uid] = Gone(record, datetime.now(UTC))
        if len(self._gone) > GONE_KEPT:
            self._gone.popitem(last=False)

    def _tell(self, uid: str) -> None:
        for changed in tuple(self._listeners.get(uid, ())):
            changed()

    def _put(self, uid: str, version: int, raw: _Raw) -> None:
        held = self._held.get(uid)
        if uid in self._gone or (held is not None and held.version >= version):
            return
        if (read := self._try_read(raw)) is not None:
            self._held[uid] = _Held(version, read)
            self.revision += 1
            self._tell(uid)

    def _try_read(self, raw: _Raw) -> Record | None:
        try:
            return self._read(self.keep(raw))
        except (KeyError, TypeError, ValueError):
            # One object that cannot be read must not stop the others.
            logger.exception("an object cannot be read and is left out", extra={"fields": {"object": _name(raw)}})
            return None


def _identity(raw: _Raw) -> tuple[str, int]:
    metadata = raw["metadata"]
    return metadata["uid"], int(metadata["resourceVersion"])


def _name(raw: _Raw) -> str:
    metadata = raw.get("metadata", {})
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
