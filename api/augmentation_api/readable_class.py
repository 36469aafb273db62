"""A lenient reader of AugmentationClasses: one that is invalid is there, and says what is wrong with it.

The CRD rejects an invalid class. One that was stored under another version of the CRD may still be invalid here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from augmentation_api.augmentation_class import MAX_CLASS_BYTES
from augmentation_api.model import findings_of
from augmentation_api.resource import AugmentationClass
from augmentation_api.stored_size import stored_json_size


@dataclass(frozen=True)
class UnreadableClass:
    """A class whose spec is invalid.

    Attributes:
        type: of the jobs it serves, as it is written.
        default: whether it is written to be the default of its type.
        findings: what is wrong, `spec.field: message` each.
    """

    name: str
    type: str
    default: bool
    findings: tuple[str, ...]


def read_class(body: Mapping[str, Any]) -> AugmentationClass | UnreadableClass:
    """Read a class as the API server sends it. Raises KeyError if it has no name."""
    try:
        readable = AugmentationClass.from_wire(body)
    except ValidationError as error:
        return _unreadable(body, *findings_of(error))
    size = stored_json_size(readable.spec.to_wire())
    if size > MAX_CLASS_BYTES:
        return _unreadable(body, f"spec: is {size} bytes as JSON, and at most {MAX_CLASS_BYTES} are kept with a job")
    return readable


def _unreadable(body: Mapping[str, Any], *findings: str) -> UnreadableClass:
    spec = body.get("spec")
    known = spec if isinstance(spec, Mapping) else {}
    kind, default = known.get("type", "deterministic"), known.get("default") is True
    return UnreadableClass(body["metadata"]["name"], str(kind), default, findings)
