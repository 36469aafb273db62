"""Validation errors in sentences that name the field, its value and the fix."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from augmentation_api.spec import EPISODES_PATTERN, REPO_ID_PATTERN
from augmentation_gateway.problem import FieldProblem

LONGEST_ECHO = 60
_FORMS = {
    REPO_ID_PATTERN: "owner/name, e.g. lerobot/pusht",
    EPISODES_PATTERN: "episode indices and half-open ranges, e.g. 0:100,150",
}
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "finite_number": "a finite number",
    "bool": "true or false",
    "string": "a string",
    "uuid": "a UUID, e.g. 2489e9ad-2ee2-8e00-8ec9-32d5f69181c0",
    "list": "a list",
    "dict": "an object",
}


def explain(
    errors: Iterable[Mapping[str, Any]], fields: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> list[FieldProblem]:
    """One FieldProblem for each of pydantic's error dictionaries.

    Args:
        errors: as `ValidationError.errors()` and FastAPI's `RequestValidationError.errors()` give them.
        fields: by place ("body", "query"), among which to look for what a mistyped name was meant to be.
    """
    return [
        FieldProblem(tuple(error["loc"]), _sentence(error, fields.get(str(error["loc"][0]), ())), error["type"])
        for error in errors
    ]


def _sentence(error: Mapping[str, Any], known_fields: Sequence[str]) -> str:
    # The first part of loc is where the field is: body, path or header.
    field = ".".join(str(part) for part in error["loc"][1:] if part != "[key]")
    if error["type"] == "json_invalid":
        return f"The body is not JSON: {error.get('ctx', {}).get('error', error['msg'])}"
    if not field:
        return _about_the_body(error)
    return _about_a_field(field, error, known_fields)


def _about_the_body(error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return "The body is missing: send a JSON object."
    return "The body is not a JSON object: send one, with the header Content-Type: application/json."


def _about_a_field(  # noqa: PLR0911 - one return a kind of mistake
    field: str, error: Mapping[str, Any], known_fields: Sequence[str]
) -> str:
    kind, context = str(error["type"]), error.get("ctx", {})
    subject = f"{field} is {_echo(error.get('input'))}"
    match kind:
        case "missing":
            return f"{field} is required: add it"
        case "extra_forbidden":
            close = difflib.get_close_matches(field, known_fields, n=1)
            fix = f"did you mean {close[0]}?" if close else "remove it, or see /openapi.json for the fields there are"
            return f"{field} is not a field of this request: {fix}"
        case "greater_than_equal":
            return f"{subject}, but has to be at least {context['ge']}"
        case "less_than_equal":
            return f"{subject}, but may be at most {context['le']}"
        case "enum" | "literal_error":
            return f"{subject}, but has to be {str(context['expected']).replace(chr(39), '')}"
        case "string_too_long" | "too_long":
            return f"{field} is longer than {context['max_length']}: shorten it"
        case "string_too_short" | "too_short":
            return f"{field} is shorter than {context['min_length']}: give more, or leave it out"
        case "string_pattern_mismatch":
            return f"{subject}, but has to be {_FORMS.get(context['pattern'], 'of the form ' + context['pattern'])}"
        case "value_error":
            return f"{subject}: {context['error']}"
        case "unusable":  # our own validators': already a sentence
            return str(error["msg"])
    for prefix, expected in _KINDS.items():
        if kind.startswith(prefix):
            return f"{subject}, but has to be {expected}"
    return f"{subject}: {error['msg']}"


def _echo(value: object) -> str:
    """The value as the client wrote it, cut where it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= LONGEST_ECHO else f"{text[:LONGEST_ECHO]}…"
