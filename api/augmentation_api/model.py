"""Base of every model of the API: camelCase on the wire, frozen, and strict about fields it does not know."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict
from pydantic_core import ErrorDetails

from augmentation_api.redaction import quotable

_LONGEST_VALUE: Final = 60


class Model(BaseModel):
    """An immutable piece of an API object. Unknown fields are an error that names them."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    def to_wire(self) -> dict[str, object]:
        """The object as the Kubernetes API takes it: camelCase keys, absent optional fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def as_given(self) -> dict[str, object]:
        """As `to_wire`, without what was left to its default: the reader may have something else to put there."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)


class ObservedModel(Model):
    """A piece of an object that others write too: unknown fields, of a newer version, are ignored."""

    model_config = ConfigDict(extra="ignore")


def findings_of(
    error: ValidationError, forms: Mapping[str, str] | None = None, *, quotes_values: bool = False
) -> list[str]:
    """What is wrong, `path.of.field: message` each, on one line.

    Args:
        error: of pydantic.
        forms: by pattern, in words, what a text that has to match it looks like.
        quotes_values: whether a number out of its range, or what is none of some words, is quoted: not from a file
            that may hold secrets.
    """
    errors = error.errors(include_input=quotes_values, include_url=False)
    return [_line(finding, forms or {}) for finding in errors]


def requirement_of(kind: str, context: Mapping[str, Any]) -> str | None:
    """What a number in a range, or one of some words, has to be: "may be at most 20"; None for another kind of error.

    Args:
        kind: `type` of one of pydantic's errors.
        context: its `ctx`.
    """
    match kind:
        case "greater_than_equal":
            return f"has to be at least {_number(context['ge'])}"
        case "less_than_equal":
            return f"may be at most {_number(context['le'])}"
        case "enum" | "literal_error":
            return f"has to be {str(context['expected']).replace(chr(39), '')}"
    return None


def _number(limit: float) -> str:
    """-50, 0.5 and 1000000; a whole number has no point behind it because its field takes others, too."""
    return f"{limit:.15g}" if isinstance(limit, float) else str(limit)


def _line(finding: ErrorDetails, forms: Mapping[str, str]) -> str:
    context, path = finding.get("ctx", {}), ".".join(map(str, finding["loc"]))
    requirement = requirement_of(finding["type"], context)
    if requirement is not None and "input" in finding and _is_scalar(finding["input"]):
        value = quotable(json.dumps(finding["input"], ensure_ascii=False), _LONGEST_VALUE)
        return f"{path} is {value}, but {requirement}"
    form = forms.get(context.get("pattern", ""))
    message = requirement or (_plain(finding) if form is None else f"has to be {form}")
    # A message may go on below with a picture, for a terminal.
    return ": ".join(filter(None, (path, message.split("\n", 1)[0])))


def _is_scalar(value: object) -> bool:
    """Whether it is a text, a number or nothing: JSON has no words for some of YAML's lists, which may hold themselves.

    An integer of thousands of digits is none, either: Python writes it in hexadecimal only.
    """
    if isinstance(value, int):
        return value.bit_length() < 3 * _LONGEST_VALUE
    return value is None or isinstance(value, str | float)


def _plain(finding: ErrorDetails) -> str:
    """What pydantic says, for somebody who wrote a field and knows no pydantic."""
    if finding["type"] == "extra_forbidden":
        return "there is no such field: correct its name, or remove it"
    return finding["msg"].removeprefix("Value error, ").replace("Input should be", "has to be", 1)


TIMESTAMP_PATTERN = (
    r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""RFC 3339 of the years 1000 to 2999: what `format: date-time` alone lets pass (`+99:99`, the year 0000), no program
can read; and within these years no time zone and no time to live leads out of what a datetime holds."""


def to_rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, as metav1.Time writes it."""
    return f"{moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a timestamp needs its offset from UTC: write Z for UTC")
    if not 1000 <= moment.year < 3000:
        raise ValueError("a timestamp must be in the years 1000 to 2999")
    return moment.astimezone(UTC)


Timestamp = Annotated[
    datetime,
    AfterValidator(_in_utc),
    PlainSerializer(to_rfc3339, return_type=str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "pattern": TIMESTAMP_PATTERN, "maxLength": 40}, mode="validation"
    ),
]
"""A moment, in UTC; on the wire RFC 3339 in UTC with whole seconds."""


def kubernetes_rule(rule: str, message: str) -> JsonDict:
    """One CEL rule of the CRD's schema: the API server evaluates it on every write and answers with the message."""
    return {"rule": rule, "message": message}


def list_map(key: str) -> JsonDict:
    """Schema of a list that several writers share: `key` identifies entries, which are owned one by one."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


OWNED_AS_A_WHOLE: JsonDict = {"x-kubernetes-map-type": "atomic"}
"""Schema of an object that one writer owns as a whole: the API server then keeps no owner of each of its fields, which
takes several times as much as the object (decision 0064)."""
