"""What only thousands of simultaneous jobs need. It changes when and how cheaply things happen, never what happens.

| part | without it, with ten thousand jobs |
|---|---|
| `Lanes` | every job is begun before the first is complete; a cancel waits behind thousands of new jobs |
| `status_delay` | a status write costs the API server 10 to 15 ms of a core; workers report four times per second |
| `pack`, `unpack` | 171 MB of memory as dictionaries and 35 MB as JSON, instead of 14 MB (a job of one shard) |
| `EVENT_LIST_SHARE` | lists of Events slow down the API server that is late because it is slow |

With fewer than six jobs under way no write is deferred except progress and usage. Measurements and reasons are in
the decision records 0018, 0021 and 0036.
"""

import zlib
from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson

from augmentation_api import ConditionType, PhaseName, PhaseStatus, State
from augmentation_api.vocabulary import HEALTH_CONDITIONS

MAX_CONSECUTIVE_HIGH_PRIORITY = 15
"""After this many keys in a row of the high lane, one of the low lane follows, so that none starves."""
COUNTERS_INTERVAL = timedelta(seconds=5)
"""Shortest time between two writes of progress and usage alone: the workers report four times per second."""
COUNTER_WRITES_PER_SECOND = 20
"""Budget of these writes, across all jobs."""
MAX_DEFERRAL = timedelta(seconds=10)
"""The longest that any other change is deferred."""
DEFERRABLE_WRITES_PER_SECOND = 6
"""Budget of writes of other changes that can wait, across all jobs: a tenth of a core of the API server. A job has two,
and where its next phase begins before their turn comes, they are part of what is written then."""
EVENT_LIST_SHARE = 10
"""A list of Events is not repeated within this many times the time that it took: the API server goes through all Events
of the namespace, whatever is selected. Where it is slow, many pods are late, and each would cause a list."""

_COUNTERS = ("progress", "usage")
_NOTES = (
    "state",
    "displayState",
    "message",
    "classSnapshot",
    "currentPhase",
    "startedAt",
    "retryCount",
    "placement",
    "conditions",
    "phases",
)


class Lanes:
    """A FIFO queue of two lanes: keys of the high lane go first, up to MAX_CONSECUTIVE_HIGH_PRIORITY in a row."""

    def __init__(self) -> None:
        self._high: deque[str] = deque()
        self._low: deque[str] = deque()
        self._consecutive = 0

    def append(self, key: str, *, high: bool) -> None:
        """Add a key to the end of a lane."""
        (self._high if high else self._low).append(key)

    def popleft(self) -> str:
        """Remove and return the next key. Raises IndexError if there is none."""
        if self._high and not (self._low and self._consecutive >= MAX_CONSECUTIVE_HIGH_PRIORITY):
            self._consecutive += bool(self._low)
            return self._high.popleft()
        self._consecutive = 0
        return self._low.popleft()


def pack(body: Mapping[str, Any]) -> bytes:
    """A resource as compressed JSON, without `metadata.managedFields`: nothing reads it, and it is over half of it.

    At level 1 a job of one shard takes 1.4 KB instead of 17 KB as dictionaries, in 30 us.
    """
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return zlib.compress(orjson.dumps({**body, "metadata": metadata}), 1)


def unpack(packed: bytes) -> dict[str, Any]:
    """The resource that was packed."""
    body: dict[str, Any] = orjson.loads(zlib.decompress(packed))
    return body


def status_delay(before: Mapping[str, Any], after: Mapping[str, Any], *, under_way: int, augmenting: int) -> timedelta:
    """How long after the last write of a job's status the next may follow; zero: at once.

    Args:
        before: what the operator has written, as decision.operator_part gives it.
        after: what it would write.
        under_way: number of jobs that have begun and not ended.
        augmenting: number of those whose progress changes all the time.
    """
    if _without(_COUNTERS, before) == _without(_COUNTERS, after):
        return max(COUNTERS_INTERVAL, timedelta(seconds=augmenting // COUNTER_WRITES_PER_SECOND))
    if _critical_fields(before) == _critical_fields(after):
        return min(MAX_DEFERRAL, timedelta(seconds=under_way // DEFERRABLE_WRITES_PER_SECOND))
    return timedelta(0)


def _without(names: tuple[str, ...], part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in names}


def _critical_fields(part: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are recorded before the operator acts on them, free a place in a queue, or are bad news."""
    state, phases, placement = part.get("state"), part.get("phases", ()), part.get("placement", {})
    return _without(_COUNTERS + _NOTES, part) | {
        "state": State.RUNNING if state == State.QUEUED else state,
        "placement": (placement.get("rung"), placement.get("triedSince")),
        "conditions": [
            condition
            for condition in part.get("conditions", ())
            if condition["type"] not in HEALTH_CONDITIONS
            and (condition["type"], condition["status"]) != (ConditionType.PLACED, "True")
        ],
        "completed": [
            phase["name"]
            for phase in phases
            if phase["status"] == PhaseStatus.COMPLETED and phase["name"] != PhaseName.PROVISION
        ],
        "errors": [phase.get("error") for phase in phases],
        "events": [event for phase in phases for event in phase["events"] if event["status"] != "placed"],
    }
