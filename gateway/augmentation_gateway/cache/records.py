"""What the gateway keeps of each object it watches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar, cast
from uuid import UUID

from augmentation_api.augmentation_class import Hub
from augmentation_api.readable_status import readable_status
from augmentation_api.resource import ObjectMeta
from augmentation_api.spec import MAX_SECONDS
from augmentation_api.status import AugmentationJobStatus
from augmentation_api.vocabulary import AugmentationType, State
from augmentation_gateway.cache.bounded import ByteBudget, Recent

logger = logging.getLogger(__name__)

Fact = TypeVar("Fact")

_STATES = frozenset(State)


@dataclass(frozen=True)
class JobRecord:
    """One version of an AugmentationJob.

    The object is taken apart when somebody asks for it, not when it arrives: of the many versions a running job goes
    through, most are never read. Metadata and status are parsed apart, and the status field by field where it has to
    be: what one of its writers wrote hides nothing but itself.
    """

    raw: Mapping[str, Any]
    _encoded: dict[str, tuple[int, bytes]] = field(default_factory=dict, compare=False, repr=False)
    _facts: dict[str, object] = field(default_factory=dict, compare=False, repr=False)
    _complaints: list[bool] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def read(cls, raw: dict[str, Any]) -> JobRecord:
        """Keep an object as the API server sent it."""
        return cls(raw)

    @cached_property
    def metadata(self) -> ObjectMeta:
        """Name, namespace, uid and the like."""
        return ObjectMeta.model_validate(self.raw["metadata"])

    @property
    def status(self) -> AugmentationJobStatus:
        """What has become of it, without fields that cannot be read; empty until the operator has seen the job."""
        if (kept := _statuses.get(self)) is None:
            kept = self._read_status()
            _statuses.put(self, kept)
        return kept

    def _read_status(self) -> AugmentationJobStatus:
        found = readable_status(self.raw.get("status", {}))
        if found.unreadable:
            named = {"job": f"{self.namespace}/{self.name}", "unreadable": found.unreadable[:10]}
            logger.warning("fields of a job's status cannot be read and are left out", extra={"fields": named})
        return found.status

    @cached_property
    def uid(self) -> str:
        """The job id, in lower case."""
        return str(self.raw["metadata"]["uid"])

    @cached_property
    def name(self) -> str:
        """Name of the resource."""
        return str(self.raw["metadata"]["name"])

    @cached_property
    def namespace(self) -> str:
        """Namespace of the resource."""
        return str(self.raw["metadata"]["namespace"])

    @cached_property
    def display_name(self) -> str:
        """Its name for people; the resource's where none was given."""
        return str(self.raw["spec"].get("displayName") or self.name)

    @cached_property
    def dataset_id(self) -> str | None:
        """The dataset that is augmented, `owner/name`; None where it lies on a volume."""
        hub = self.raw["spec"]["source"].get("hub")
        return str(hub["repoID"]) if hub else None

    @cached_property
    def created(self) -> str:
        """When the resource was created, as the API server writes it: such texts sort as the moments they mean."""
        return str(self.raw["metadata"]["creationTimestamp"])

    @cached_property
    def state(self) -> State:
        """Where the job stands; queued until the operator says otherwise."""
        # Not from all of the status: lists ask this of thousands of jobs.
        state = (self.raw.get("status") or {}).get("state")
        return State(state) if isinstance(state, str) and state in _STATES else State.QUEUED

    @property
    def created_at(self) -> datetime:
        """The same as a moment."""
        return datetime.fromisoformat(self.created)

    def annotation(self, name: str) -> str | None:
        """An annotation of the resource."""
        value = self.raw["metadata"].get("annotations", {}).get(name)
        return None if value is None else str(value)

    @property
    def type(self) -> str:
        """deterministic or generative."""
        return str(self.raw["spec"].get("type", AugmentationType.DETERMINISTIC.value))

    @property
    def finished_at(self) -> datetime | None:
        """When it completed, failed or was cancelled; None while it has not."""
        if not self.state.is_final:
            return None
        return self.status.cancelled_at if self.state is State.CANCELLED else self.status.completed_at

    @property
    def expires_at(self) -> datetime | None:
        """When the operator removes it; None while it has not ended, and where it has no time to live."""
        seconds, finished_at = self.raw["spec"].get("ttlSecondsAfterFinished"), self.finished_at
        if seconds is None or finished_at is None:
            return None
        return finished_at + timedelta(seconds=min(seconds, MAX_SECONDS))

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it: it is in a final state and nobody asked to try it again."""
        return self.state.is_final and not self.retry_requested

    @property
    def cancel_requested(self) -> bool:
        """Whether its spec asks for it to be stopped."""
        return bool(self.raw["spec"].get("cancel", False))

    @property
    def attempt(self) -> int:
        """How often it was asked to be tried again."""
        return int(self.raw["spec"].get("attempt", 0))

    @property
    def retry_requested(self) -> bool:
        """Whether it was asked to be tried again and the operator has not begun with that yet."""
        return self.state.is_final and self.attempt > self.raw.get("status", {}).get("attempt", 0)

    @cached_property
    def project_id(self) -> UUID | None:
        """The project in the spec, which cannot be changed; not the label, which can."""
        project_id = self.raw["spec"].get("projectID")
        return UUID(project_id) if project_id else None

    def complain_once(self) -> bool:
        """Whether nobody has complained of this version yet: lists are asked for again and again."""
        first = not self._complaints
        self._complaints.append(True)
        del self._complaints[1:]
        return first

    def remembered(self, name: str, compute: Callable[[JobRecord], Fact]) -> Fact:
        """Something small that is made of the record, once: what lists ask of all jobs."""
        if name not in self._facts:
            self._facts[name] = compute(self)
        return cast(Fact, self._facts[name])

    def encoded(self, view: str, encode: Callable[[JobRecord], bytes], basis: int = 0) -> bytes:
        """The bytes of `encode(self)`, kept for each view by name: a record never changes.

        `basis` is the version of whatever else the bytes come from: with another one they are made anew.
        """
        if (held := self._encoded.get(view)) is not None and held[0] == basis:
            return held[1]
        made = encode(self)
        _encoded_views.keep(self._encoded, view, (basis, made))
        return made


KEPT_STATUSES = 500
"""Parsed ones, of 20 to 200 KiB each."""
KEPT_ENCODED_BYTES = 64 * 1024 * 1024

_statuses: Recent[JobRecord, AugmentationJobStatus] = Recent(KEPT_STATUSES)
_encoded_views = ByteBudget(KEPT_ENCODED_BYTES)

DEFAULT_HUB: str = Hub().endpoint


@dataclass(frozen=True)
class ClassRecord:
    """What the gateway reads of an AugmentationClass.

    Attributes:
        hub_endpoint: address of the hub for pods.
        hub_public_endpoint: the same for links that people follow.
    """

    name: str
    type: str
    default: bool
    hub_endpoint: str
    hub_public_endpoint: str

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> ClassRecord:
        """Read an object as the API server sent it. Raises KeyError where it is none."""
        spec = raw["spec"]
        hub = spec.get("hub", {})
        endpoint = hub.get("endpoint", DEFAULT_HUB)
        return cls(
            name=raw["metadata"]["name"],
            type=spec.get("type", AugmentationType.DETERMINISTIC.value),
            default=spec.get("default", False),
            hub_endpoint=endpoint,
            hub_public_endpoint=hub.get("publicEndpoint") or endpoint,
        )
