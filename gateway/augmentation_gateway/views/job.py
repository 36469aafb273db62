"""Parts of a job that all dialects show in the same form: times, and why it failed or makes no progress."""

from datetime import datetime
from typing import Annotated

from pydantic import PlainSerializer, WithJsonSchema

from augmentation_api.model import to_rfc3339
from augmentation_api.status import AugmentationJobStatus
from augmentation_api.vocabulary import REQUIRES_ACTION, ConditionType, State

Moment = Annotated[
    datetime,
    PlainSerializer(to_rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time, in RFC 3339 as Kubernetes writes it."""


def error_of(status: AugmentationJobStatus) -> str | None:
    """Why the job failed or, while it is not finished, what blocks it; None if nothing is wrong."""
    if status.state is State.FAILED:
        failed = status.condition(ConditionType.FAILED)
        of_phases = (phase.error for phase in reversed(status.phases) if phase.error)
        return (failed.message if failed else None) or next(of_phases, None) or status.message or "The job failed."
    if status.state is not None and status.state.is_final:
        return None
    for kind in (ConditionType.ACCEPTED, ConditionType.PLACED):
        condition = status.condition(kind)
        if condition is not None and condition.status == "False" and condition.message:
            return condition.message
    admitted = status.condition(ConditionType.ADMITTED)
    if admitted is not None and admitted.status == "False" and admitted.reason in REQUIRES_ACTION:
        return admitted.message or None
    return None
