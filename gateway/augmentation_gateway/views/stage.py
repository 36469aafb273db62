"""Where a job stands, in steps fine enough for every dialect: each translates them into its own words."""

from __future__ import annotations

from enum import StrEnum, auto

from augmentation_api.failure import FailureReason
from augmentation_api.vocabulary import ConditionType, PhaseName, PhaseStatus, State
from augmentation_gateway.cache.records import JobRecord


class Stage(StrEnum):
    """The steps of a job's life, in order; the last five are ends."""

    ACCEPTED = auto()
    """Resolve has not begun."""
    RESOLVING = auto()
    """The source is being looked at."""
    QUEUED = auto()
    """It waits for quota, or was told to wait."""
    ADMITTED = auto()
    """It waits for a node."""
    RUNNING = auto()
    PREEMPTED = auto()
    """Its pods were evicted, and wait for a node again."""
    COMPLETED = auto()
    REJECTED = auto()
    """It failed in resolve, of something that would fail again: the request cannot be served."""
    FAILED = auto()
    CANCELLED = auto()
    EXPIRED = auto()
    """It had ended, and was removed when its time to live was over."""


def stage_of(record: JobRecord) -> Stage:
    """The stage of a job: a pure function of its spec and status."""
    return record.remembered("stage", _stage_of)


def _stage_of(record: JobRecord) -> Stage:
    match record.state:
        case State.COMPLETED:
            return Stage.COMPLETED
        case State.CANCELLED:
            return Stage.CANCELLED
        case State.FAILED:
            return Stage.REJECTED if _cannot_be_served(record) else Stage.FAILED
        case _:
            return _stage_under_way(record)


def failure_reason(record: JobRecord) -> str | None:
    """The typed reason of a job that failed."""
    failed = record.status.condition(ConditionType.FAILED)
    return failed.reason if failed is not None and failed.status == "True" else None


def _cannot_be_served(record: JobRecord) -> bool:
    if record.status.current_phase not in (None, PhaseName.RESOLVE):
        return False
    try:
        return FailureReason(failure_reason(record) or "").is_permanent
    except ValueError:
        # A reason of a newer release: whether it would fail again is not known here.
        return False


def _stage_under_way(record: JobRecord) -> Stage:
    status = record.status
    placed_in_queue = status.queue is not None and status.queue.position is not None
    waits = placed_in_queue or _holds(record, ConditionType.ADMITTED, "False")
    if waits or _holds(record, ConditionType.SUSPENDED, "True"):
        return Stage.QUEUED
    match status.current_phase:
        case PhaseName.RESOLVE | None if record.state is State.QUEUED:
            begun = status.phase(PhaseName.RESOLVE).status is PhaseStatus.IN_PROGRESS
            return Stage.RESOLVING if begun else Stage.ACCEPTED
        case PhaseName.RESOLVE:
            return Stage.RESOLVING
        case PhaseName.PROVISION:
            return Stage.ADMITTED
    # Pods of a job that wait for a node, after some of it had one.
    if status.preemption_count and _holds(record, ConditionType.PLACED, "False"):
        return Stage.PREEMPTED
    return Stage.RUNNING


def _holds(record: JobRecord, kind: ConditionType, status: str) -> bool:
    condition = record.status.condition(kind)
    return condition is not None and condition.status == status
