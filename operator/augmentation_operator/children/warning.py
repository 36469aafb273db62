"""The warning Events that Kubernetes records about a Job or a pod."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WarningEvent:
    """A warning Event of an object."""

    reason: str
    message: str


def newest_warning(events: Iterable[Mapping[str, Any]]) -> WarningEvent | None:
    """The newest warning among the Events of an object, as the API sends them."""
    warnings = [event for event in events if event.get("type") == "Warning"]
    if not warnings:
        return None
    newest = max(warnings, key=_last_seen)
    return WarningEvent(newest.get("reason", ""), newest.get("message", ""))


def _last_seen(event: Mapping[str, Any]) -> str:
    series = (event.get("series") or {}).get("lastObservedTime")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or "")
