"""The two resources as whole objects, as they stand in the Kubernetes API."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator

from augmentation_api.augmentation_class import AugmentationClassSpec
from augmentation_api.identifiers import API_VERSION, CLASS_KIND, JOB_KIND
from augmentation_api.model import ObservedModel, Timestamp
from augmentation_api.readable_status import readable_status
from augmentation_api.spec import MAX_SECONDS, AugmentationJobSpec
from augmentation_api.status import AugmentationJobStatus


class ObjectMeta(ObservedModel):
    """The part of metav1.ObjectMeta this project reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: Timestamp | None = None
    deletion_timestamp: Timestamp | None = None
    labels: dict[str, str] = Field(default={})
    annotations: dict[str, str] = Field(default={})


class AugmentationJob(ObservedModel):
    """A dataset augmentation: from one dataset to a new one."""

    api_version: str = API_VERSION
    kind: str = JOB_KIND
    metadata: ObjectMeta
    spec: AugmentationJobSpec
    status: AugmentationJobStatus = Field(default=AugmentationJobStatus())

    @field_validator("spec", mode="before")
    @classmethod
    def _within_limits(cls, spec: object) -> object:
        """Clamp durations stored before the limit of ten years existed."""
        return spec if not isinstance(spec, Mapping) else within_limits(spec)

    @classmethod
    def from_wire(cls, body: Mapping[str, Any]) -> Self:
        """Read an object as the API server sends it, as `read` does."""
        return cls.read(body)[0]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> tuple[Self, tuple[str, ...]]:
        """Read an object as the API server sends it; also gives the names of the invalid fields of its status.

        Raises:
            pydantic.ValidationError: the spec or the metadata is invalid; it names each bad field.
        """
        try:
            return cls.model_validate(dict(body)), ()
        except ValidationError:
            readable = readable_status(body.get("status", {}))
            return cls.model_validate({**body, "status": readable.status}), readable.unreadable


def within_limits(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A stored spec with its durations clamped to MAX_SECONDS."""
    times = {
        name: MAX_SECONDS
        for name in ("activeDeadlineSeconds", "ttlSecondsAfterFinished")
        if isinstance(seconds := spec.get(name), int) and seconds > MAX_SECONDS
    }
    return {**spec, **times}


class AugmentationClass(ObservedModel):
    """How jobs of a kind run: nodes, image, limits, hub."""

    api_version: str = API_VERSION
    kind: str = CLASS_KIND
    metadata: ObjectMeta
    spec: AugmentationClassSpec

    @classmethod
    def from_wire(cls, body: Mapping[str, Any]) -> Self:
        """Read an object as the API server sends it. Raises pydantic.ValidationError, which names each bad field."""
        return cls.model_validate(dict(body))
