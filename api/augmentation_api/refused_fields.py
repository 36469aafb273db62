"""Fields of Kubernetes that are refused by name, with the reason and what to do instead.

Without them the API server would call them unknown, or drop them without a word. They are part of the CRD's schema,
with a rule that says why, and of no model: a resource that has one cannot be read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import model_validator
from pydantic.config import JsonDict

from augmentation_api.model import Model, kubernetes_rule

_ANYTHING: JsonDict = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_SCHEMAS: Mapping[str, JsonDict] = {
    "object": _ANYTHING,
    "array": {"type": "array", "maxItems": 64, "items": _ANYTHING},
    "boolean": {"type": "boolean"},
    "string": {"type": "string", "maxLength": 1024},
}


@dataclass(frozen=True)
class RefusedField:
    """A field that is refused.

    Attributes:
        why: what to do instead, and the reason: `name it …: …`.
        kind: type of its value in Kubernetes: object, array, boolean or string.
    """

    why: str
    kind: str = "object"


class ModelWithRefusals(Model):
    """A model of which some fields are refused by name; a subclass lists them in `REFUSED`."""

    REFUSED: ClassVar[Mapping[str, RefusedField]] = {}

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            for name, field in cls.REFUSED.items():
                if name in value:
                    raise ValueError(refusal(name, field))
        return value


def refusal(name: str, field: RefusedField) -> str:
    """What is said of a refused field."""
    return f"{name} is not accepted here: {field.why}"


def with_refusals(refused: Mapping[str, RefusedField], *rules: JsonDict) -> Callable[[JsonDict], None]:
    """The `json_schema_extra` of such a model: the refused fields, their rules, and other rules."""

    def extend(schema: JsonDict) -> None:
        properties = schema.setdefault("properties", {})
        assert isinstance(properties, dict)  # noqa: S101
        for name, field in refused.items():
            properties[name] = {"description": f"Not accepted: {field.why}.", **_SCHEMAS[field.kind]}
        refusals = [kubernetes_rule(f"!has(self.{name})", refusal(name, field)) for name, field in refused.items()]
        schema["x-kubernetes-validations"] = [*refusals, *rules]

    return extend
