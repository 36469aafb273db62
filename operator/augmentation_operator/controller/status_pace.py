"""How soon news in a status are written: at once where something rests on them, else the later the more jobs there are.

Each write takes the API server about ten milliseconds of a processor. What is only told may wait for what comes next,
and is written along with it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from augmentation_api import ConditionType, PhaseName, PhaseStatus, State

NUMBERS_INTERVAL = timedelta(seconds=5)
"""Progress and usage alone are written at most so often: the workers report four times a second."""
TOLD_WITHIN = timedelta(seconds=5)
"""The longest that anything else waits."""
WRITES_PER_SECOND = 20
"""Roughly how many writes that could wait are made for all jobs together."""

_NUMBERS = ("progress", "usage")
_TOLD = (*_NUMBERS, "state", "message", "currentPhase", "startedAt", "retryCount", "placement", "conditions", "phases")


def pace(before: Mapping[str, Any], after: Mapping[str, Any], *, under_way: int, augmenting: int) -> timedelta:
    """How long after the last write of a job the next may come; zero: at once.

    Args:
        before: what the operator has written, as decision.operator_part gives it.
        after: what it would write.
        under_way: jobs that have begun and not ended.
        augmenting: those of them whose progress changes all the time.
    """
    if _without(_NUMBERS, before) == _without(_NUMBERS, after):
        return max(NUMBERS_INTERVAL, timedelta(seconds=augmenting // WRITES_PER_SECOND))
    if _what_something_rests_on(before) == _what_something_rests_on(after):
        return min(TOLD_WITHIN, timedelta(seconds=under_way // WRITES_PER_SECOND))
    return timedelta(0)


def _without(names: tuple[str, ...], part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in names}


def _what_something_rests_on(part: Mapping[str, Any]) -> dict[str, Any]:
    """What is recorded before it is acted on, frees a place in a queue, or is bad news."""
    state, phases, placement = part.get("state"), part.get("phases", ()), part.get("placement", {})
    return _without(_TOLD, part) | {
        "state": State.RUNNING if state == State.QUEUED else state,
        "rung": (placement.get("rung"), placement.get("triedSince")),
        "conditions": [
            condition
            for condition in part.get("conditions", ())
            if (condition["type"], condition["status"]) != (ConditionType.PLACED, "True")
        ],
        "completed": [
            phase["name"]
            for phase in phases
            if phase["status"] == PhaseStatus.COMPLETED and phase["name"] != PhaseName.PROVISION
        ],
        "errors": [phase.get("error") for phase in phases],
        "events": [event for phase in phases for event in phase["events"] if event["status"] != "placed"],
    }
