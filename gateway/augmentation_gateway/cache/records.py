"""Records of the objects that the gateway watches, parsed when they are read."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, Self, TypeVar, cast
from uuid import UUID

from pydantic import ValidationError

from augmentation_api.augmentation_class import AugmentationClassSpec, Hub
from augmentation_api.object_store import stored_url
from augmentation_api.readable_status import readable_status
from augmentation_api.resource import ObjectMeta
from augmentation_api.spec import MAX_SECONDS
from augmentation_api.status import AugmentationJobStatus
from augmentation_api.vocabulary import AugmentationType, State
from augmentation_gateway.cache.bounded import ByteBudget, LruCache

_log = logging.getLogger(__name__)

Fact = TypeVar("Fact")

_STATES = frozenset(State)


@dataclass(frozen=True)
class JobRecord:
    """One version of an AugmentationJob.

    The object is parsed when it is read, not when it arrives: most of the versions that a running job goes through are
    never read. Metadata and status are parsed separately, and the status field by field where it has to be, so that an
    unreadable field hides nothing but itself.
    """

    raw: Mapping[str, Any]
    _encoded: dict[str, tuple[int, bytes]] = field(default_factory=dict, compare=False, repr=False)
    _facts: dict[str, object] = field(default_factory=dict, compare=False, repr=False)
    _reported: list[bool] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Self:
        """Keep an object as the API server sent it."""
        return cls(raw)

    @cached_property
    def metadata(self) -> ObjectMeta:
        """Name, namespace, uid and the like."""
        return ObjectMeta.model_validate(self.raw["metadata"])

    @property
    def status(self) -> AugmentationJobStatus:
        """The job's status, without fields that cannot be read; empty until the operator has observed the job."""
        if (status := _statuses.get(self)) is None:
            status = self._read_status()
            _statuses.put(self, status)
        return status

    def _read_status(self) -> AugmentationJobStatus:
        readable = readable_status(self.raw.get("status", {}))
        if readable.unreadable:
            fields = {"job": f"{self.namespace}/{self.name}", "unreadable": readable.unreadable[:10]}
            _log.warning("fields of a job's status cannot be read and are left out", extra={"fields": fields})
        return readable.status

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
        """Display name; that of the resource if none was given."""
        return str(self.raw["spec"].get("displayName") or self.name)

    @cached_property
    def dataset_id(self) -> str | None:
        """The dataset that is augmented, `owner/name` or the URL of a store; None if it is on a volume."""
        source = self.raw["spec"]["source"]
        return str(source["hub"]["repoID"]) if source.get("hub") else stored_url(source)

    @cached_property
    def created(self) -> str:
        """When the resource was created, as the API server writes it: such texts sort like the times they mean."""
        return str(self.raw["metadata"]["creationTimestamp"])

    @cached_property
    def state(self) -> State:
        """State of the job; queued until the operator sets another."""
        # Without parsing the status: lists need this for thousands of jobs.
        state = (self.raw.get("status") or {}).get("state")
        return State(state) if isinstance(state, str) and state in _STATES else State.QUEUED

    @property
    def created_at(self) -> datetime:
        """When the resource was created."""
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
    def is_preview(self) -> bool:
        """Whether it only draws what a job would do."""
        return self.raw["spec"].get("preview") is not None

    @property
    def finished_at(self) -> datetime | None:
        """When the job completed, failed or was cancelled; None while it is not finished."""
        if not self.state.is_final:
            return None
        return self.status.cancelled_at if self.state is State.CANCELLED else self.status.completed_at

    @property
    def expires_at(self) -> datetime | None:
        """When the operator removes it; None while it is not finished, and if it has no time to live."""
        seconds, finished_at = self.raw["spec"].get("ttlSecondsAfterFinished"), self.finished_at
        if seconds is None or finished_at is None:
            return None
        return finished_at + timedelta(seconds=min(seconds, MAX_SECONDS))

    @property
    def has_ended(self) -> bool:
        """Whether the job is terminal: it is in a final state, and no retry was requested."""
        return self.state.is_final and not self.retry_requested

    @property
    def cancel_requested(self) -> bool:
        """Whether its spec requests cancellation."""
        return bool(self.raw["spec"].get("cancel", False))

    @property
    def attempt(self) -> int:
        """How often a retry was requested."""
        return int(self.raw["spec"].get("attempt", 0))

    @property
    def retry_requested(self) -> bool:
        """Whether a retry was requested that the operator has not started yet."""
        return self.state.is_final and self.attempt > self.raw.get("status", {}).get("attempt", 0)

    @cached_property
    def project_id(self) -> UUID | None:
        """The project in the spec, which is immutable; not the label, which can be changed."""
        project_id = self.raw["spec"].get("projectID")
        return UUID(project_id) if project_id else None

    def report_once(self) -> bool:
        """Whether this version has not been reported as unreadable yet: lists are requested again and again."""
        first = not self._reported
        self._reported[:] = [True]
        return first

    def fact(self, name: str, compute: Callable[[Self], Fact]) -> Fact:
        """A small value that is computed from the record once: lists need it for all jobs."""
        if name not in self._facts:
            self._facts[name] = compute(self)
        return cast(Fact, self._facts[name])

    def encoded(self, view: str, encode: Callable[[Self], bytes], basis: int = 0) -> bytes:
        """The bytes of `encode(self)`, cached by the view's name: a record never changes.

        `basis` is the version of whatever else the bytes depend on: for another one they are encoded again.
        """
        if (cached := self._encoded.get(view)) is not None and cached[0] == basis:
            return cached[1]
        encoded = encode(self)
        _encoded_views.put(self._encoded, view, (basis, encoded))
        return encoded


MAX_STATUSES: Final = 500
"""Parsed ones, of 20 to 200 KiB each."""
MAX_ENCODED_BYTES: Final = 64 * 1024 * 1024

_statuses: LruCache[JobRecord, AugmentationJobStatus] = LruCache(MAX_STATUSES)
_encoded_views = ByteBudget(MAX_ENCODED_BYTES)

DEFAULT_HUB: str = Hub().endpoint


@dataclass(frozen=True)
class ClassRecord:
    """An AugmentationClass: what the gateway always needs of it, and all of it where it is valid.

    Attributes:
        hub_endpoint: address of the hub for pods.
        hub_public_endpoint: address of the hub for links that people follow.
        raw_spec: the spec as its administrator wrote it.
    """

    name: str
    type: str
    default: bool
    hub_endpoint: str
    hub_public_endpoint: str
    raw_spec: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def spec(self) -> AugmentationClassSpec | None:
        """The spec; None where it is invalid, and no job can run as the class."""
        try:
            return AugmentationClassSpec.model_validate(self.raw_spec)
        except ValidationError:
            return None

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """Read an object as the API server sent it. Raises KeyError if it is no class."""
        spec = raw["spec"]
        hub = spec.get("hub", {})
        endpoint = hub.get("endpoint", DEFAULT_HUB)
        return cls(
            name=raw["metadata"]["name"],
            type=spec.get("type", AugmentationType.DETERMINISTIC.value),
            default=spec.get("default", False),
            hub_endpoint=endpoint,
            hub_public_endpoint=hub.get("publicEndpoint") or endpoint,
            raw_spec=spec,
        )
