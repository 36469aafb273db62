"""One pod's part of the job's status: an immutable document of all that its field manager owns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple, Self, TypeVar

from augmentation_api import AugmentationJobStatus, PhaseName
from augmentation_api.status import (
    MOST_NAMES_BYTES,
    BadEpisodes,
    OutputStatus,
    PhaseEvent,
    PreviewStatus,
    Shard,
    SourceStatus,
)
from augmentation_api.stored_size import cut_to_stored_size, stored_json_size, stored_size
from augmentation_api.vocabulary import ShardState
from augmentation_worker import secrecy

DETAIL_LIMIT = 256
"""Characters of a detail of an event."""
_EVENTS_OF_SHARDS = 50
_EVENT_BYTES_OF_SHARDS = 24 * 1024
_LEAST_EVENTS = 2
_ENTRY_BYTES_OF_SHARDS = 36 * 1024
_LEAST_MESSAGE_BYTES, _MOST_MESSAGE_BYTES = 32, 512
_NODE_CHARACTERS = 63
Item = TypeVar("Item")


class Share(NamedTuple):
    """How much a pod writes into a status that MOST_STATUS_BYTES limits.

    Attributes:
        events: how many are kept; the newest.
        event_bytes: how much text they may hold together, as stored.
        entry_bytes: how long the entry of a shard may become by the message in it; 0: it has none, but events.
    """

    events: int
    event_bytes: int
    entry_bytes: int = 0

    @classmethod
    def of_shard(cls, shards: int) -> Self:
        """The share of one of a job's shards. Of many shards none has events: what happened last is in its entry."""
        events = _EVENTS_OF_SHARDS // shards
        if events < _LEAST_EVENTS:
            return cls(0, 0, _ENTRY_BYTES_OF_SHARDS // shards)
        return cls(events, _EVENT_BYTES_OF_SHARDS // shards)


SHARE_OF_PHASE = Share(events=16, event_bytes=4096)
"""What the one pod of resolve or publish writes."""


@dataclass(frozen=True)
class Report:
    """All fields of the status that a pod owns.

    Attributes:
        field_manager: the pod's; event ids begin with it.
        phase: whose events they are.
        share: how much it may be.
        events: oldest first.
        shard: this shard's entry.
        message: what happened last, for the entry of a shard without events.
        source, output: as the pod has found them.
        preview: what the job would do.
        bad_episodes: that cannot be used.
    """

    field_manager: str
    phase: PhaseName
    share: Share
    events: tuple[PhaseEvent, ...] = ()
    shard: Shard | None = None
    message: str = ""
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
        if entry is None and shard_index is not None and not self.share.events:
            entry = Shard(index=shard_index)
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
        if not self.share.events:
            return replace(self, message=secrecy.fit(error or message))
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
        status: dict[str, object] = {}
        if self.share.events:
            status["phases"] = [{"name": self.phase.value, "events": [event.to_wire() for event in self.events]}]
        if self.shard is not None:
            status["shards"] = [self._entry(self.shard)]
        if self.source is not None:
            status["source"] = _with_few_names(self.source).to_wire()
        if self.output is not None:
            status["output"] = self.output.to_wire()
        if self.preview is not None:
            status["preview"] = self.preview.to_wire()
        if self.bad_episodes is not None:
            status["badEpisodes"] = self.bad_episodes.to_wire()
        return status

    def _entry(self, shard: Shard) -> dict[str, object]:
        """The shard's entry. Where there are no events, it says what happened last, unless all went well."""
        entry = {name: _without_zeros(value) for name, value in shard.to_wire().items()}
        if shard.node is not None and len(shard.node) > _NODE_CHARACTERS:
            entry["node"] = shard.node.partition(".")[0][:_NODE_CHARACTERS]
        if self.message and shard.state is not ShardState.COMPLETED:
            room = self.share.entry_bytes - stored_json_size({**entry, "message": ""})
            entry["message"] = cut_to_stored_size(
                self.message, min(max(room, _LEAST_MESSAGE_BYTES), _MOST_MESSAGE_BYTES)
            )
        return entry

    def _cut(self, text: str) -> str:
        """Cut a text of an event, so that two of them fit, with details."""
        return cut_to_stored_size(text, self.share.event_bytes // 4)

    def _kept(self, events: tuple[PhaseEvent, ...]) -> tuple[PhaseEvent, ...]:
        """The newest events, as many as may be kept and as fit."""
        newest_first = sorted(events, key=_number, reverse=True)[: self.share.events]
        sizes = accumulate(_size(event) for event in newest_first)
        kept = [event for event, size in zip(newest_first, sizes, strict=True) if size <= self.share.event_bytes]
        return tuple(reversed(kept))

    def _next_number(self) -> int:
        return max((_number(event) for event in self.events), default=0) + 1


def _without_zeros(value: object) -> object:
    return {name: count for name, count in value.items() if count} if isinstance(value, dict) else value


def _with_few_names(source: SourceStatus) -> SourceStatus:
    """A source whose lists of names are short: the first cameras and splits that fit."""
    cameras = _fitting(source.cameras, lambda name: name)
    splits = source.splits and _fitting(source.splits, lambda split: split.name + split.episodes)
    return source.model_copy(update={"cameras": cameras, "splits": splits})


def _fitting(items: Sequence[Item], text_of: Callable[[Item], str]) -> list[Item]:
    sizes = accumulate(stored_size(text_of(item)) for item in items)
    return [item for item, size in zip(items, sizes, strict=True) if size <= MOST_NAMES_BYTES]


def _size(event: PhaseEvent) -> int:
    """Bytes that the texts of an event take where they are stored."""
    details = (text for item in (event.data or {}).items() for text in item)
    texts = (event.id, event.status or "", event.message or "", event.error or "", *details)
    return sum(map(stored_size, texts))


def _number(event: PhaseEvent) -> int:
    text = event.id.rsplit("-", 1)[-1]
    return int(text) if text.isdecimal() else 0
