"""The phases of a job with their events, as the dialects with phases show them."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from augmentation_api.status import Phase, PhaseEvent
from augmentation_api.vocabulary import PhaseName, PhaseStatus
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.views.job import Moment


class PhaseEventView(BaseModel):
    """A single event within a phase."""

    status: str | None = Field(description="What happened, in one word")
    message: str | None = None
    error: str | None = None
    timestamp: Moment = Field(description="Event timestamp")
    retry_attempt: int = Field(0, description="Retry attempt number")
    data: dict[str, Any] | None = None


class PhaseView(BaseModel):
    """A phase of the job with its events."""

    name: str = Field(description="Phase name: resolve, provision, augment, publish")
    status: str = Field(description="Phase status: pending, in_progress, completed, failed")
    started_at: Moment | None = None
    completed_at: Moment | None = None
    events: list[PhaseEventView] = Field(default=[], description="Events in this phase")
    error: str | None = None


def phase_views(record: JobRecord) -> list[PhaseView]:
    """The phases of a job, in order; resolve as pending where there is none yet."""
    status = record.status
    created_at = status.created_at or record.metadata.creation_timestamp
    in_order = sorted(status.phases, key=lambda phase: _ORDER[phase.name])
    return [_phase_view(phase, created_at) for phase in in_order or [Phase(name=PhaseName.RESOLVE)]]


_ORDER = {name: position for position, name in enumerate(PhaseName)}


def _phase_view(phase: Phase, created_at: datetime | None) -> PhaseView:
    events = [_event_view(event, phase.started_at or created_at) for event in phase.events]
    return PhaseView(
        name=phase.name,
        status=phase.status or PhaseStatus.PENDING,
        started_at=phase.started_at,
        completed_at=phase.completed_at,
        # Several shards write them, each its own; the API server keeps them in the order of their owners.
        events=sorted(events, key=lambda event: event.timestamp),
        error=phase.error,
    )


def _event_view(event: PhaseEvent, otherwise_at: datetime | None) -> PhaseEventView:
    return PhaseEventView(
        status=event.status,
        message=event.message,
        error=event.error,
        # Every writer sets one; a hand-written status may not, and this field is required.
        timestamp=event.timestamp or otherwise_at or datetime.fromtimestamp(0).astimezone(),
        retry_attempt=event.retry_attempt or 0,
        data=dict(event.data) if event.data is not None else None,
    )
