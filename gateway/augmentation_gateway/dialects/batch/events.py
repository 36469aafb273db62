"""Events of a job, as the batch dialect shows them: the newest first."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.dialects.batch.pages import PageQuery
from augmentation_gateway.jobs.events import JobEvent, events_of
from augmentation_gateway.views.job import Moment
from augmentation_gateway.views.job_id import batch_id

Level = Literal["INFO", "WARN", "ERROR", "SUCCESS", "FAILED"]
_LEVELS: dict[str | None, Level] = {
    "completed": "SUCCESS",
    "failed": "FAILED",
    "warning": "WARN",
    "retrying": "WARN",
    "stopped": "WARN",
}


class BatchEvent(BaseModel):
    """An event of a job."""

    id: str
    event_type: str = Field(description="Phase and what happened in it, e.g. resolve.started")
    level: Level
    message: str
    payload: dict[str, Any] = Field(description="Details by name")
    input_id: str | None = Field(None, description="Always null: events are of the job")
    index: int | None = Field(None, description="Always null: events are of the job")
    phase: str
    type: str | None
    error: str | None
    created_at: Moment


class EventList(BaseModel):
    """Events of a job, the newest first."""

    job_id: str
    total: int
    offset: int
    limit: int
    events: list[BatchEvent]


class EventQuery(PageQuery):
    """Which events to list."""

    limit: int = Field(1000, ge=1, le=1000, description="Maximum number of events per page")
    level: Level | None = Field(None, description="Only events of this level")
    event_type: str | None = Field(None, max_length=255, description="Only events of this type")
    input_id: str | None = Field(None, max_length=255, description="Only events of this input; events are of the job")


def events_view(record: JobRecord, query: EventQuery) -> EventList:
    """A page of a job's events."""
    wanted = [
        event
        for event in map(_event, reversed(events_of(record)))
        if query.input_id is None
        and query.level in (None, event.level)
        and query.event_type in (None, event.event_type)
    ]
    return EventList(
        job_id=batch_id(record.uid),
        total=len(wanted),
        offset=query.offset,
        limit=query.limit,
        events=wanted[query.offset : query.offset + query.limit],
    )


def _event(event: JobEvent) -> BatchEvent:
    what = event.event.status
    level = _LEVELS.get(what, "ERROR" if event.event.error else "INFO")
    text = " ".join(part for part in (event.event.message, event.event.error) if part)
    return BatchEvent(
        id=event.event.id,
        event_type=f"{event.phase}.{what or 'event'}",
        level=level,
        message=text or what or event.phase,
        payload=dict(event.event.data or {}),
        phase=event.phase,
        type=what,
        error=event.event.error,
        created_at=event.at,
    )
