"""Job ids as clients write them: a UUID in any case, or `job_` and a number in base 36."""

import json
import re
from typing import Annotated, Final
from uuid import UUID

from fastapi import Path

from augmentation_gateway.problem import FieldProblem, Problem, invalid

JobId = Annotated[UUID, Path(description="Unique job identifier; upper and lower case are the same")]
"""A job's UUID in the path of a route."""
BATCH_ID_PATTERN: Final = r"^([Jj][Oo][Bb]_[0-9A-Za-z]{1,25}|[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12})$"
"""Both forms, for documents."""
_UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_BATCH_ID: Final = re.compile(r"job_[0-9a-z]{1,25}", re.IGNORECASE | re.ASCII)
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_EXAMPLE: Final = "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0"


def read_uuid(text: str, field: str) -> str:
    """A job id as the cache has it. Raises Problem 422, which names `field`, for what is no UUID."""
    if _UUID.fullmatch(text) is None:
        raise malformed(text, field, f"a UUID, e.g. {_EXAMPLE}")
    return str(UUID(text))


def batch_id(uid: str) -> str:
    """A job id in the short form: `job_` and the UUID in base 36.

    >>> batch_id("2489e9ad-2ee2-8e00-8ec9-32d5f69181c0")
    'job_25vhd0yen79f79oo0tv0bae9s'
    """
    number, digits = UUID(uid).int, ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return f"job_{digits or '0'}"


def read_batch_id(text: str, field: str) -> str:
    """A job id in the short form, or a plain UUID, as the cache has it. Raises Problem 422 for what is neither."""
    if _UUID.fullmatch(text) is not None:
        return str(UUID(text))
    if _BATCH_ID.fullmatch(text) is None:
        raise malformed(text, field, f"job_ and up to 25 digits and letters, e.g. {batch_id(_EXAMPLE)}, or a UUID")
    # Well-formed, but larger than a UUID: there is no such job.
    number = int(text[4:], 36)
    return str(UUID(int=number)) if number < 2**128 else text.lower()


def malformed(text: str, field: str, form: str) -> Problem:
    """A 422 for a malformed id."""
    cause = f"{field} is {json.dumps(text[:60])}, but has to be {form}"
    return invalid([FieldProblem(("path", field), "uuid_parsing", cause)])
