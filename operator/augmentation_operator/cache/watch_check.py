"""Noticing a watch that has gone silent: every so often what it has shown is held against a list of what there is.

What it has missed is taken in from the list, so that a job waits minutes at most. A watch that has shown nothing of it
after GRACE is stalled, and the process is better started again.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

INTERVAL = timedelta(minutes=5)
"""Between two lists of all jobs."""
GRACE = timedelta(seconds=60)
"""How far a watch may lag behind a list."""


class WatchCheck:
    """What the watch has shown, as resource versions by uid. Each method is O(1), `compare` O(n)."""

    def __init__(self) -> None:
        self._shown: dict[str, int] = {}
        self._behind: dict[str, int] = {}
        self._vanished: set[str] = set()
        self._missing = 0

    def shown(self, body: Mapping[str, Any]) -> None:
        """The watch has shown a resource."""
        uid, version = body["metadata"]["uid"], _version(body)
        self._shown[uid] = version
        if version >= self._behind.get(uid, version + 1):
            del self._behind[uid]

    def gone(self, uid: str) -> None:
        """The watch has shown that a resource is gone."""
        self._shown.pop(uid, None)
        self._behind.pop(uid, None)
        self._vanished.discard(uid)

    def gist(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """What of a listed resource is needed to compare it: all of it only if the watch has not shown it so."""
        metadata = body["metadata"]
        if _version(body) > self._shown.get(metadata["uid"], -1):
            return body
        return {"metadata": {name: metadata[name] for name in ("uid", "resourceVersion")}}

    def compare(self, listed: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The resources of a list of all that the watch has not shown as they are there."""
        bodies = {body["metadata"]["uid"]: body for body in listed}
        missed = [body for uid, body in bodies.items() if _version(body) > self._shown.get(uid, -1)]
        self._behind = {body["metadata"]["uid"]: _version(body) for body in missed}
        self._vanished = set(self._shown) - set(bodies)
        self._missing = len(self._behind) + len(self._vanished)
        return missed

    @property
    def vanished(self) -> frozenset[str]:
        """Resources that were not in the last list, and that the watch has not shown as gone since."""
        return frozenset(self._vanished)

    @property
    def is_stalled(self) -> bool:
        """Whether the watch has shown nothing of what it lacked at the last comparison. To be asked after GRACE."""
        return self._missing > 0 and len(self._behind) + len(self._vanished) == self._missing


def _version(body: Mapping[str, Any]) -> int:
    return int(body["metadata"].get("resourceVersion") or 0)
