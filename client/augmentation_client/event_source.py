"""A parser of server-sent events (WHATWG HTML standard, section 9.2.6), fed line by line."""

import json

from augmentation_client.models import Event, JobSummary, StreamedEvent

SILENCE_SECONDS = 60.0
"""The gateway sends a comment every 15 seconds; a stream that is silent for longer hangs on a dead connection."""


class EventReader:
    """Assembles events from lines.

    Attributes:
        last_id: id of the last event, to resume after a broken connection.
    """

    def __init__(self, last_id: str | None = None) -> None:
        self.last_id = last_id
        self._fields: dict[str, str] = {}

    def take(self, line: str) -> Event | None:
        """Take one line, without its end. Returns the event that it completes, if any."""
        if line:
            name, _, value = line.partition(":")
            if name:
                self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        if "data" not in fields or fields.get("event") not in ("phase", "status", "removed"):
            # A reconnection time, or an event type of a newer gateway.
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
        """Request headers that open or resume the stream."""
        return {"Accept": "text/event-stream"} | ({"Last-Event-ID": self.last_id} if self.last_id else {})
