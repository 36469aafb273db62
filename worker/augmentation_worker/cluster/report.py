"""One pod's part of the job's status: an immutable document of all that its field manager owns."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from typing import Self

from augmentation_api import AugmentationJobStatus, PhaseName
from augmentation_api.status import (
    EVENT_BYTES_PER_PHASE,
    BadEpisodes,
    OutputStatus,
    PhaseEvent,
    PreviewStatus,
    Shard,
    SourceStatus,
)
from augmentation_api.stored_size import cut_to_stored_size, stored_size
from augmentation_worker import secrecy

DETAIL_LIMIT = 256
"""Characters of a detail of an event."""


@dataclass(frozen=True)
class Report:
    """All fields of the status that a pod owns.

    Attributes:
        field_manager: the pod's; event ids begin with it.
        phase: whose events they are.
        most_events: how many are kept; the newest.
        most_bytes: how much text these may hold together.
        events: oldest first.
        shard: this shard's entry.
        source, output: as the pod has found them.
        preview: what the job would do.
        bad_episodes: that cannot be used.
    """

    field_manager: str
    phase: PhaseName
    most_events: int
    most_bytes: int = EVENT_BYTES_PER_PHASE
    events: tuple[PhaseEvent, ...] = ()
    shard: Shard | None = None
    source: SourceStatus | None = None
    output: OutputStatus | None = None
    preview: PreviewStatus | None = None
    bad_episodes: BadEpisodes | None = None

    def resumed_from(self, status: AugmentationJobStatus, shard_index: int | None = None) -> Self:
        """Take over what an earlier pod with the same field manager wrote: applying anything less would delete it."""
        own_events = tuple(
            event for event in status.phase(self.phase).events if event.id.startswith(f"{self.field_manager}-")
        )
        entry = next((shard for shard in status.shards if shard.index == shard_index), None)
        return replace(self, events=self._kept(own_events), shard=entry)

    def with_event(
        self,
        status: str,
        message: str,
        now: datetime,
        *,
        error: str | None = None,
        retry_attempt: int | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Self:
        """Add an event; the oldest makes room."""
        event = PhaseEvent(
            id=f"{self.field_manager}-{self._next_number():06d}",
            status=status,
            message=self._cut(secrecy.fit(message)),
            error=None if error is None else self._cut(secrecy.fit(error)),
            timestamp=now,
            retry_attempt=retry_attempt,
            data=None if data is None else {key: value[:DETAIL_LIMIT] for key, value in data.items()},
        )
        return replace(self, events=self._kept((*self.events, event)))

    def to_status(self) -> dict[str, object]:
        """The fields of the status this pod owns, for server-side apply."""
        status: dict[str, object] = {
            "phases": [{"name": self.phase.value, "events": [event.to_wire() for event in self.events]}]
        }
        if self.shard is not None:
            status["shards"] = [self.shard.to_wire()]
        if self.source is not None:
            status["source"] = self.source.to_wire()
        if self.output is not None:
            status["output"] = self.output.to_wire()
        if self.preview is not None:
            status["preview"] = self.preview.to_wire()
        if self.bad_episodes is not None:
            status["badEpisodes"] = self.bad_episodes.to_wire()
        return status

    def _cut(self, text: str) -> str:
        """Cut a text of an event, so that two of them fit, with details."""
        return cut_to_stored_size(text, self.most_bytes // 4)

    def _kept(self, events: tuple[PhaseEvent, ...]) -> tuple[PhaseEvent, ...]:
        """The newest events, as many as may be kept and as fit."""
        newest_first = sorted(events, key=_number, reverse=True)[: self.most_events]
        sizes = accumulate(_size(event) for event in newest_first)
        kept = [event for event, size in zip(newest_first, sizes, strict=True) if size <= self.most_bytes]
        return tuple(reversed(kept))

    def _next_number(self) -> int:
        return max((_number(event) for event in self.events), default=0) + 1


def _size(event: PhaseEvent) -> int:
    """Bytes that the texts of an event take where they are stored."""
    details = (text for item in (event.data or {}).items() for text in item)
    texts = (event.id, event.status or "", event.message or "", event.error or "", *details)
    return sum(map(stored_size, texts))


def _number(event: PhaseEvent) -> int:
    text = event.id.rsplit("-", 1)[-1]
    return int(text) if text.isdecimal() else 0
