"""The two resources as whole objects, as they stand in the Kubernetes API."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field

from augmentation_api.augmentation_class import AugmentationClassSpec
from augmentation_api.identifiers import API_VERSION, CLASS_KIND, JOB_KIND
from augmentation_api.model import ObservedModel, Timestamp
from augmentation_api.spec import AugmentationJobSpec
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

    @classmethod
    def from_wire(cls, body: Mapping[str, Any]) -> Self:
        """Read an object as the API server sends it. Raises pydantic.ValidationError, which names each bad field."""
        return cls.model_validate(dict(body))


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
