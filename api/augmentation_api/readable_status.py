"""A lenient reader of job statuses: an invalid field is skipped, and hides nothing but itself.

Workers write to a job's status, and a worker may be compromised or of another version. Readers continue with the
valid rest, so that a job stays visible and can be cancelled, whatever one of its writers does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from augmentation_api.status import AugmentationJobStatus

_Path = tuple[str | int, ...]
_MOST_ROUNDS = 16
"""Each round removes at least one field or entry, from the inside out; a status is not nested deeper than this."""


@dataclass(frozen=True)
class ReadableStatus:
    """The valid part of a status.

    Attributes:
        status: without the invalid fields.
        unreadable: names of the invalid fields, e.g. `status.phases.2.events.0.timestamp`.
    """

    status: AugmentationJobStatus
    unreadable: tuple[str, ...] = ()


def readable_status(raw: object) -> ReadableStatus:
    """Read a status as the API server sends it. Never fails."""
    unreadable: dict[str, None] = {}
    left = raw
    for _ in range(_MOST_ROUNDS):
        try:
            return ReadableStatus(AugmentationJobStatus.model_validate(left), tuple(unreadable))
        except ValidationError as error:
            doomed = {
                _existing(left, finding["loc"]) for finding in error.errors(include_input=False, include_url=False)
            }
        if not unreadable:  # paths of later rounds are of what is left, in which entries have moved up
            unreadable = {".".join(("status", *map(str, path))): None for path in sorted(doomed, key=str)}
        left = _without(left, doomed) if () not in doomed else {}
    return ReadableStatus(AugmentationJobStatus(), ("status",))


def _existing(node: Any, path: Iterable[str | int]) -> _Path:
    """The part of a path that is there: for a field that is missing, the entry that lacks it."""
    existing: list[str | int] = []
    for step in path:
        in_list = isinstance(node, list) and isinstance(step, int) and step < len(node)
        if not in_list and not (isinstance(node, Mapping) and step in node):
            break
        node = node[step]
        existing.append(step)
    return tuple(existing)


def _without(node: Any, doomed: set[_Path], path: _Path = ()) -> Any:
    if isinstance(node, Mapping):
        return {key: _without(value, doomed, (*path, key)) for key, value in node.items() if (*path, key) not in doomed}
    if isinstance(node, list):
        return [
            _without(value, doomed, (*path, index)) for index, value in enumerate(node) if (*path, index) not in doomed
        ]
    return node
