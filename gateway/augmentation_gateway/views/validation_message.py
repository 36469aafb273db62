"""Validation errors in sentences that name the field, its value and the fix."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any

from augmentation_api.spec import EPISODES_PATTERN, REPO_ID_PATTERN
from augmentation_gateway.problem import FieldProblem

LONGEST_ECHO = 60
LONGEST_NAME = 64
LONGEST_SENTENCE = 600
MOST_PROBLEMS = 10
"""Whoever has to mend more has sent something else than was meant; an answer is not to grow with what was sent."""
MOST_GUESSES = 3
"""How often it is guessed what a mistyped name was meant to be, which takes a millisecond each time."""
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
    """One FieldProblem for each of pydantic's error dictionaries, MOST_PROBLEMS at most, and how many more there are.

    Args:
        errors: as `ValidationError.errors()` and FastAPI's `RequestValidationError.errors()` give them.
        fields: by place ("body", "query"), among which to look for what a mistyped name was meant to be.
    """
    left = iter(errors)
    problems, guesses = [], 0
    for error in islice(left, MOST_PROBLEMS):
        known = fields.get(str(error["loc"][0]), ())
        if error["type"] == "extra_forbidden":
            guesses += 1
            known = known if guesses <= MOST_GUESSES else ()
        loc = tuple(_short(part) if isinstance(part, str) else part for part in error["loc"])
        problems.append(FieldProblem(loc, _cut(_sentence(error, known), LONGEST_SENTENCE), error["type"]))
    if more := sum(1 for _ in left):
        place = problems[0].loc[0]
        problems.append(FieldProblem((place,), f"There are {more} more problems: mend these first.", "more_problems"))
    return problems


def _sentence(error: Mapping[str, Any], known_fields: Sequence[str]) -> str:
    # The first part of loc is where the field is: body, path or header.
    field = ".".join(_short(str(part)) for part in error["loc"][1:] if part != "[key]")
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
            # What was cut is no mistyped name.
            close = [] if len(field) > LONGEST_NAME else difflib.get_close_matches(field, known_fields, n=1)
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
    return _cut(json.dumps(value, default=str), LONGEST_ECHO)


def _short(name: str) -> str:
    return _cut(name, LONGEST_NAME)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
