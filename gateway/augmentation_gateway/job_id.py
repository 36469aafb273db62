"""Job ids as clients write them: a UUID in any case, or in base 36 behind `job_`."""

from __future__ import annotations

import json
import re
from uuid import UUID

from augmentation_gateway.problem import FieldProblem, Problem, invalid

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_EXAMPLE = "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0"


def read_uuid(text: str, field: str) -> str:
    """A job id as the cache has it. Raises Problem 422 for what is no UUID; `field` names it there."""
    if _UUID.fullmatch(text) is None:
        raise malformed(text, field, f"a UUID, e.g. {_EXAMPLE}")
    return str(UUID(text))


def malformed(text: str, field: str, form: str) -> Problem:
    """A 422 for an id that is not of its form."""
    message = f"{field} is {json.dumps(text[:60])}, but has to be {form}"
    return invalid([FieldProblem(("path", field), message, "uuid_parsing")])
