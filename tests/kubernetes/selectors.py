"""Label and field selectors, as queries of the Kubernetes API write them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]
Test = Callable[[Json], bool]

_SET = re.compile(r"(?P<name>[^\s!=]+)\s+(?P<operator>in|notin)\s+\((?P<values>[^)]*)\)")
_EQUAL = re.compile(r"(?P<name>[^\s!=]+)\s*(?P<operator>==|=|!=)\s*(?P<value>\S*)")


def selector(labels: str | None, fields: str | None) -> Test:
    """Whether an object is one of those that both selectors choose; an absent selector chooses all."""
    tests = [_label_test(part) for part in re.split(r",(?![^(]*\))", labels or "") if part]
    tests += [_field_test(part) for part in (fields or "").split(",") if part]
    return lambda body: all(test(body) for test in tests)


def _label_test(requirement: str) -> Test:
    requirement = requirement.strip()
    if found := _SET.fullmatch(requirement):
        name, values = found["name"], {value.strip() for value in found["values"].split(",")}
        wanted = found["operator"] == "in"
        return lambda body: (_labels(body).get(name) in values) == wanted
    if found := _EQUAL.fullmatch(requirement):
        label, value, equal = found["name"], found["value"], found["operator"] != "!="
        return lambda body: (_labels(body).get(label) == value) == equal
    if requirement.startswith("!"):
        return lambda body: requirement[1:] not in _labels(body)
    return lambda body: requirement in _labels(body)


def _field_test(requirement: str) -> Test:
    found = _EQUAL.fullmatch(requirement.strip())
    if not found:
        raise ValueError(f"{requirement!r} is no field selector")
    path, value, equal = found["name"], found["value"], found["operator"] != "!="
    return lambda body: (_field(body, path) == value) == equal


def _labels(body: Json) -> Mapping[str, str]:
    labels: Mapping[str, str] = body["metadata"].get("labels") or {}
    return labels


def _field(body: Json, path: str) -> str:
    value: Any = body
    for name in path.split("."):
        value = value.get(name, {}) if isinstance(value, Mapping) else {}
    return "" if value == {} else str(value)
