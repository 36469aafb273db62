"""Validation errors as problems of fields: the field, its value and the fix."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any

from augmentation_api.counted import are, counted
from augmentation_api.model import requirement_of
from augmentation_api.object_store import url_without_secrets
from augmentation_api.spec import FORMS
from augmentation_gateway.problem import FieldProblem

MAX_ECHO = 60
MAX_NAME = 64
MAX_CAUSE = 600
MAX_PROBLEMS = 10
"""Problems in one answer, whose size must not grow with that of the request."""
MAX_GUESSES = 3
"""Mistyped names for which a similar field is looked up, which takes a millisecond each."""
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
    """One FieldProblem per error of pydantic's, MAX_PROBLEMS at most, and the number of the rest.

    Args:
        errors: from `ValidationError.errors()` or FastAPI's `RequestValidationError.errors()`.
        fields: the names of known fields by place ("body", "query"), to suggest one for a mistyped name.
    """
    left = iter(errors)
    problems, guesses = [], 0
    for error in islice(left, MAX_PROBLEMS):
        known = fields.get(str(error["loc"][0]), ())
        if error["type"] == "extra_forbidden":
            guesses += 1
            known = known if guesses <= MAX_GUESSES else ()
        loc = tuple(_cut(part, MAX_NAME) if isinstance(part, str) else part for part in error["loc"])
        cause, fix = _cause_and_fix(error, known)
        place = error.get("ctx", {}).get("place")
        problems.append(FieldProblem(loc, error["type"], _cut(cause, MAX_CAUSE), fix, place))
    if more := sum(1 for _ in left):
        cause = f"There {are(more)} {counted(more, 'more problem')}"
        problems.append(FieldProblem(problems[0].loc[:1], "more_problems", cause, "fix these first"))
    return problems


def _cause_and_fix(error: Mapping[str, Any], known_fields: Sequence[str]) -> tuple[str, str | None]:
    # The first part of loc is where the field is: body, path or header.
    field = ".".join(_cut(str(part), MAX_NAME) for part in error["loc"][1:] if part != "[key]")
    if error["type"] == "json_invalid":
        return f"The body is not JSON: {error.get('ctx', {}).get('error', error['msg'])}", None
    if field:
        return _about_a_field(field, error, known_fields)
    if error["type"] == "unusable":  # fields that do not fit together
        return error["ctx"]["cause"], error["ctx"]["fix"]
    if error["type"] == "missing":
        return "The body is missing", "send a JSON object"
    return "The body is not a JSON object", "send one, with the header Content-Type: application/json"


def _about_a_field(  # noqa: PLR0911 - one return per kind of error
    field: str, error: Mapping[str, Any], known_fields: Sequence[str]
) -> tuple[str, str | None]:
    kind, context = str(error["type"]), error.get("ctx", {})
    subject = f"{field} is {_echo(error.get('input'))}"
    if (requirement := requirement_of(kind, context)) is not None:
        return f"{subject}, but {requirement}", None
    match kind:
        case "missing":
            return f"{field} is required", "add it"
        case "extra_forbidden":
            # What was cut is no mistyped name.
            close = [] if len(field) > MAX_NAME else difflib.get_close_matches(field, known_fields, n=1)
            fix = f"did you mean {close[0]}?" if close else "remove it, or see /openapi.json for the fields there are"
            return f"{field} is not a field of this request", fix
        case "string_too_long" | "too_long":
            return f"{field} is longer than {context['max_length']}", "shorten it"
        case "string_too_short" | "too_short":
            return f"{field} is shorter than {context['min_length']}", "give more, or leave it out"
        case "string_pattern_mismatch":
            return (
                f"{subject}, but has to be {FORMS.get(context['pattern'], 'of the form ' + context['pattern'])}",
                None,
            )
        case "value_error":
            return f"{subject}: {context['error']}", None
        case "unusable":  # our own validators': they give both
            return context["cause"], context["fix"]
    for prefix, expected in _KINDS.items():
        if kind.startswith(prefix):
            return f"{subject}, but has to be {expected}", None
    return f"{subject}: {error['msg']}", None


def _echo(value: object) -> str:
    """The value as the client wrote it, cut where it is long."""
    shown = url_without_secrets(value) if isinstance(value, str) and "://" in value else value
    return _cut(json.dumps(shown, default=str).replace("\\u2026", "…"), MAX_ECHO)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
