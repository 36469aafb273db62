"""Reading server-sent events (the WHATWG HTML standard, section 9.2.6), one line at a time."""

from __future__ import annotations

import json

from augmentation_client.models import Event, JobSummary, StreamedEvent

SILENCE_SECONDS = 60.0
"""The gateway sends a comment every 15 seconds; a stream that is silent for so long hangs on a dead connection."""


class EventReader:
    """Puts lines together to events.

    Attributes:
        last_id: of the last event, to go on from after a break.
    """

    def __init__(self, last_id: str | None = None) -> None:
        self.last_id = last_id
        self._fields: dict[str, str] = {}

    def take(self, line: str) -> Event | None:
        """Take one line, without its end. Gives the event that it completes, if it does."""
        if line:
            name, _, value = line.partition(":")
            if name:
                self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        if "data" not in fields or fields.get("event") not in ("phase", "status", "removed"):
            # A wait that is proposed, or a kind of event that a newer gateway has.
            return None
        self.last_id = fields.get("id", self.last_id)
        data = json.loads(fields["data"])
        kind = fields["event"]
        return Event(
            kind=kind,
            id=self.last_id or "",
            phase=StreamedEvent.model_validate(data) if kind == "phase" else None,
            job=JobSummary.model_validate(data) if kind == "status" else None,
        )

    @property
    def headers(self) -> dict[str, str]:
        """Of a request for the stream, or for what follows in it."""
        return {"Accept": "text/event-stream"} | ({"Last-Event-ID": self.last_id} if self.last_id else {})
