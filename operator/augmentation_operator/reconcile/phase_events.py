"""The operator's own events of a phase: each recorded once, the newest kept."""

from datetime import datetime

from augmentation_api import AugmentationJob, PhaseName
from augmentation_api.redaction import quotable
from augmentation_api.status import TEXT_LIMIT, Phase, PhaseEvent
from augmentation_api.stored_size import cut_to_stored_size

OPERATOR_EVENT = "operator-"
"""Prefix of the ids of the operator's own events; all others are the workers'."""
MAX_OPERATOR_EVENTS = 10
"""Events of the operator's own that the augment phase keeps: its pods are many."""
MAX_OTHER_EVENTS = 3
"""The same for any other phase."""
EVENT_TEXT_BYTES = 256
"""Size of the text of one of them, as stored."""

Phases = dict[PhaseName, Phase]


def operator_event(
    key: str, status: str, at: datetime, *, message: str | None = None, error: str | None = None
) -> PhaseEvent:
    """An event of the operator's own.

    Args:
        key: distinguishes it from all others of the job; the same each time the same thing is observed.
        status: what happened, in a word that clients may compare.
        at: when it happened; the same each time too, so that an event that was dropped does not come back.
    """
    return PhaseEvent(
        id=f"{OPERATOR_EVENT}{key}",
        status=status,
        message=message and _quoted(message),
        error=error and _quoted(error),
        timestamp=at,
    )


def phases_of(job: AugmentationJob) -> Phases:
    """The phases as they are recorded; empty ones where nothing is."""
    return {name: job.status.phase(name) for name in PhaseName}


def find_event(phases: Phases, event_id: str) -> PhaseEvent | None:
    """The recorded event with an id, of whatever phase."""
    return next((event for phase in phases.values() for event in phase.events if event.id == event_id), None)


def with_event(phases: Phases, name: PhaseName, event: PhaseEvent) -> Phases:
    """The phases with one more event of the operator's own, unless it is recorded or older than all that are kept."""
    if find_event(phases, event.id) is not None:
        return phases
    events = [*phases[name].events, event]
    own = sorted((event for event in events if event.id.startswith(OPERATOR_EVENT)), key=_age)
    most = MAX_OPERATOR_EVENTS if name is PhaseName.AUGMENT else MAX_OTHER_EVENTS
    dropped = {event.id for event in own[:-most]}
    kept = [event for event in events if event.id not in dropped]
    return {**phases, name: phases[name].model_copy(update={"events": kept})}


def _age(event: PhaseEvent) -> tuple[str, str]:
    return str(event.timestamp), event.id


def _quoted(text: str) -> str:
    return cut_to_stored_size(quotable(text, TEXT_LIMIT), EVENT_TEXT_BYTES)
