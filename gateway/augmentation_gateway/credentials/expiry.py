"""Parsing and description of the time when a key expires."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

NEVER: Final = "never"
DEFAULT: Final = "365d"
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}


def parse_expiry(text: str, now: datetime) -> datetime | None:
    """The end of a key: `90d`, `12h` or `30m` from now, the end of a day (`2027-01-31`, UTC), or None for `never`.

    Raises:
        ValueError: it is none of these, or not in the future; the message says so.
    """
    if text == NEVER:
        return None
    if match := re.fullmatch(r"([0-9]{1,5})([dhm])", text):
        end = now + timedelta(**{_UNITS[match[2]]: int(match[1])})
    else:
        try:
            day = datetime.strptime(text, "%Y-%m-%d").date()
        except ValueError:
            raise ValueError(
                f"expires is {text!r}: give a time such as 90d or 12h, a day such as 2027-01-31, or never"
            ) from None
        end = datetime.combine(day, time.min, UTC) + timedelta(days=1)
    if end <= now:
        raise ValueError(f"expires is {text!r}, which is not in the future: give a later day, or never")
    return end.replace(microsecond=0) + timedelta(seconds=bool(end.microsecond))


def describe_expiry(end: datetime | None, now: datetime) -> str:
    """How long a key is still valid: `never` (ends), `expired`, `in 12 days`, `in 5 hours`, `in 3 minutes`."""
    if end is None:
        return NEVER
    left = end - now
    if left <= timedelta():
        return "expired"
    for unit, size in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if count := left // size:
            return f"in {count} {unit}{'s' if count > 1 else ''}"
    return "in less than a minute"
