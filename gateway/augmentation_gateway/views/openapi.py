"""What the dialects' parts of the OpenAPI document have in common."""

from __future__ import annotations

from typing import Any

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import BaseModel

from augmentation_gateway.gateway import AGE_HEADER

# For the document only; keys are checked before a request gets to a route.
SECURITY = [
    Security(APIKeyHeader(name="x-api-key", auto_error=False, description="An API key: `aug_…`")),
    Security(HTTPBearer(auto_error=False, description="The same API key")),
]
AGE_HEADERS = {
    AGE_HEADER: {
        "description": "Only while the Kubernetes API is away: seconds since this was last known to be current",
        "schema": {"type": "integer"},
    }
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}


def error_responses(
    model: type[BaseModel], validation: type[BaseModel] | None = None, **described: str
) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses, e.g. `error_responses(ErrorResponse, e404="Augmentation job not found")`.

    Args:
        model: shape of the dialect's errors.
        validation: shape of its 422, where that is another.
        described: a status with an e before it, and when it is answered.
    """
    responses: dict[int | str, dict[str, Any]] = {}
    everywhere = {"e401": "Invalid or missing API key", "e429": "The key has asked too often"}
    for code, description in {**everywhere, **described}.items():
        status = int(code[1:])
        shape = validation if status == 422 and validation is not None else model
        responses[status] = {"model": shape, "description": description}
        if status in (429, 503):
            responses[status]["headers"] = _RETRY_AFTER
    return responses
