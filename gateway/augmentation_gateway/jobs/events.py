"""Events of a job in chronological order, and a bookmark in them that any replica understands.

The events of a job's phases have several writers, each with its own clock and delay: an event may appear that is older
than one which was sent before. So a bookmark is no position. It names the events that were seen, with four bytes each;
a job keeps a bounded number of events, and those that it drops need no bookmark.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from augmentation_api.status import PhaseEvent
from augmentation_api.vocabulary import PhaseName
from augmentation_gateway.cache.records import JobRecord

_DIGEST_BYTES = 4
"""Two of a job's events have the same with a probability of one in ten million."""
_ENDED = "end"


@dataclass(frozen=True)
class JobEvent:
    """An event and the phase it belongs to."""

    phase: PhaseName
    event: PhaseEvent
    at: datetime

    @property
    def digest(self) -> bytes:
        """Identifies this event among those of its job."""
        return hashlib.sha256(f"{self.phase}/{self.event.id}".encode()).digest()[:_DIGEST_BYTES]


def events_of(record: JobRecord) -> list[JobEvent]:
    """All events in the job's status, the oldest first."""
    events = [
        # Every writer sets a time; a hand-written status may not.
        JobEvent(phase.name, event, event.timestamp or phase.started_at or datetime.fromtimestamp(0, UTC))
        for phase in record.status.phases
        for event in phase.events
    ]
    order = list(PhaseName)
    return sorted(events, key=lambda event: (event.at, order.index(event.phase), event.event.id))


@dataclass(frozen=True)
class Bookmark:
    """What a client has seen of a job.

    Attributes:
        seen: digests of the events.
        ended: whether it has seen that the job is finished.
    """

    seen: frozenset[bytes] = frozenset()
    ended: bool = False

    @classmethod
    def read(cls, text: str | None) -> Self:
        """The bookmark in a Last-Event-ID; an empty one if there is none, or it is malformed."""
        if not text:
            return cls()
        encoded, _, ending = text.partition(".")
        try:
            seen = base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return cls()
        digests = (seen[at : at + _DIGEST_BYTES] for at in range(0, len(seen), _DIGEST_BYTES))
        return cls(frozenset(digests), ending == _ENDED)

    def __str__(self) -> str:
        text = base64.urlsafe_b64encode(b"".join(sorted(self.seen))).decode().rstrip("=")
        return f"{text}.{_ENDED}" if self.ended else f"{text}."

    def unseen(self, events: Iterable[JobEvent]) -> Iterator[tuple[JobEvent, Self]]:
        """The events that are new, in order, each with the bookmark after it."""
        events = list(events)
        # Events that the job has dropped meanwhile will not come again.
        seen = self.seen & {event.digest for event in events}
        for event in events:
            if event.digest not in seen:
                seen |= {event.digest}
                yield event, type(self)(seen)
