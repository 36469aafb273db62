"""Base of every model of the API: camelCase on the wire, frozen, and strict about fields it does not know."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict


class Model(BaseModel):
    """An immutable piece of an API object. Unknown fields are an error that names them."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    def to_wire(self) -> dict[str, object]:
        """The object as the Kubernetes API takes it: camelCase keys, absent optional fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class ObservedModel(Model):
    """A piece of an object that others write too: a field from a newer version is ignored, not an error."""

    model_config = ConfigDict(extra="ignore")


def to_rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, as metav1.Time writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Timestamp = Annotated[datetime, PlainSerializer(to_rfc3339, return_type=str, when_used="json")]
"""A moment; on the wire RFC 3339 in UTC with whole seconds."""


def kubernetes_rule(rule: str, message: str) -> JsonDict:
    """One CEL rule of the CRD's schema: the API server evaluates it on every write and answers with the message."""
    return {"rule": rule, "message": message}


def list_map(key: str) -> JsonDict:
    """Schema of a list that several writers share: entries are told apart by `key` and owned one by one."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
