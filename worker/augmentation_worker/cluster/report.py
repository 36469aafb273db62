"""What one pod says of itself in the job's status: an immutable document of all that its field manager owns."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from augmentation_api import AugmentationJobStatus, PhaseName
from augmentation_api.status import OutputStatus, PhaseEvent, Shard, SourceStatus
from augmentation_worker import secrecy


@dataclass(frozen=True)
class Report:
    """Everything a pod has to say.

    Attributes:
        field_manager: who speaks; event ids begin with it.
        phase: whose events they are.
        most_events: how many are kept; the newest.
        events: oldest first.
        shard: this shard's entry.
        source, output: what the pod has found out.
    """

    field_manager: str
    phase: PhaseName
    most_events: int
    events: tuple[PhaseEvent, ...] = ()
    shard: Shard | None = None
    source: SourceStatus | None = None
    output: OutputStatus | None = None

    def resumed_from(self, status: AugmentationJobStatus, shard_index: int | None = None) -> Self:
        """Take over what an earlier pod under the same name wrote: applying anything less would delete it."""
        mine = tuple(
            event for event in status.phase(self.phase).events if event.id.startswith(f"{self.field_manager}-")
        )
        entry = next((shard for shard in status.shards if shard.index == shard_index), None)
        return replace(self, events=_newest(mine, self.most_events), shard=entry)

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
            message=secrecy.fit(message),
            error=None if error is None else secrecy.fit(error),
            timestamp=now,
            retry_attempt=retry_attempt,
            data=None if data is None else dict(data),
        )
        return replace(self, events=_newest((*self.events, event), self.most_events))

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
        return status

    def _next_number(self) -> int:
        return max((_number(event) for event in self.events), default=0) + 1


def _newest(events: tuple[PhaseEvent, ...], most: int) -> tuple[PhaseEvent, ...]:
    return tuple(sorted(events, key=_number))[-most:]


def _number(event: PhaseEvent) -> int:
    text = event.id.rsplit("-", 1)[-1]
    return int(text) if text.isdecimal() else 0
