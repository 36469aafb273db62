"""Stages of a job, fine enough for every dialect: each translates them into its own words."""

from enum import StrEnum, auto

from augmentation_api.failure import FailureReason
from augmentation_api.vocabulary import ConditionType, PhaseName, PhaseStatus, State
from augmentation_gateway.cache.records import JobRecord


class Stage(StrEnum):
    """The stages of a job, in order; the last five are terminal."""

    ACCEPTED = auto()
    """Resolve has not started."""
    RESOLVING = auto()
    """The source is being inspected."""
    QUEUED = auto()
    """It waits for quota or a slot, or is suspended."""
    ADMITTED = auto()
    """It waits for a node."""
    RUNNING = auto()
    PREEMPTED = auto()
    """Its pods were evicted, and wait for a node again."""
    COMPLETED = auto()
    REJECTED = auto()
    """It failed in resolve with a permanent failure: the request cannot be served."""
    FAILED = auto()
    CANCELLED = auto()
    EXPIRED = auto()
    """It was finished, and its time to live has removed it."""


def stage_of(record: JobRecord) -> Stage:
    """The stage of a job: a pure function of its spec and status."""
    return record.fact("stage", _stage_of)


def _stage_of(record: JobRecord) -> Stage:
    match record.state:
        case State.COMPLETED:
            return Stage.COMPLETED
        case State.CANCELLED:
            return Stage.CANCELLED
        case State.FAILED:
            return Stage.REJECTED if _cannot_be_served(record) else Stage.FAILED
        case _:
            return _unfinished_stage(record)


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
        # A reason of a newer release: whether it is permanent is not known here.
        return False


def _unfinished_stage(record: JobRecord) -> Stage:
    status = record.status
    placed_in_queue = status.queue is not None and status.queue.position is not None
    waits = placed_in_queue or _holds(record, ConditionType.ADMITTED, "False")
    if waits or _holds(record, ConditionType.SUSPENDED, "True"):
        return Stage.QUEUED
    match status.current_phase:
        case PhaseName.RESOLVE | None if record.state is State.QUEUED:
            started = status.phase(PhaseName.RESOLVE).status is PhaseStatus.IN_PROGRESS
            return Stage.RESOLVING if started else Stage.ACCEPTED
        case PhaseName.RESOLVE:
            return Stage.RESOLVING
        case PhaseName.PROVISION:
            return Stage.ADMITTED
    # Its pods wait for a node, after some of them had one.
    if status.preemption_count and _holds(record, ConditionType.PLACED, "False"):
        return Stage.PREEMPTED
    return Stage.RUNNING


def _holds(record: JobRecord, kind: ConditionType, status: str) -> bool:
    condition = record.status.condition(kind)
    return condition is not None and condition.status == status
