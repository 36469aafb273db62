"""What the native dialect's routes say of themselves in the OpenAPI document, in the same words everywhere."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path

from augmentation_gateway.dialects.native.answer import ErrorResponse, ValidationErrorResponse
from augmentation_gateway.views.openapi import error_responses

PREFIX = "/v1/augmentation"
KEY_PATH = "/v1/key"

NO_READ = "The key has no read right"
NO_WRITE = "The key has no write right, or Kubernetes refused the change by policy"
NOT_FOUND = "Augmentation job not found, or of another project or namespace"
NO_BODY = "The body is larger than 64 KiB; this request needs none"
NOT_READ_YET = "The gateway has just started and has not read the jobs yet"
AWAY = "The Kubernetes API is away"

ETAG_HEADERS = {"ETag": {"description": "Of this page, for If-None-Match", "schema": {"type": "string"}}}

JobId = Annotated[UUID, Path(description="Unique job identifier; upper and lower case are the same")]


def errors(**described: str) -> dict[int | str, dict[str, Any]]:
    """Responses of errors, e.g. `errors(e404=NOT_FOUND)`."""
    return error_responses(ErrorResponse, ValidationErrorResponse, **described)
