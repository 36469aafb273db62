"""When a job was changed last, without parsing its status: lists need it of thousands of jobs."""

from typing import Final

from augmentation_gateway.cache.records import JobRecord

_TIMES: Final = ("queuedAt", "startedAt", "completedAt", "cancelledAt")


def updated(record: JobRecord) -> str:
    """The latest time at which the job changed its state, as Kubernetes writes it: such texts sort like the times."""
    status = record.raw.get("status") or {}
    times = (status.get(name) for name in _TIMES)
    # What a worker may have written instead of a time is skipped.
    return max(
        [record.created, *(time for time in times if isinstance(time, str) and len(time) == len(record.created))]
    )
