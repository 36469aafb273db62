"""Responses of several dialects: the `{"detail"}` error, and how OpenAPI documents errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, Field

from augmentation_gateway.gateway import AGE_HEADER

Responses = dict[int | str, dict[str, Any]]

AGE_HEADERS: Final = {
    AGE_HEADER: {
        "description": "Only while the Kubernetes API is unavailable: seconds since this was last known to be current",
        "schema": {"type": "integer"},
    }
}
OK_WITH_AGE: Final[Responses] = {200: {"headers": AGE_HEADERS}}
_RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}

ERRORS: Final[Mapping[int, str]] = {
    400: "The body cannot be read, or no class serves this type of augmentation",
    401: "Invalid or missing API key",
    403: "The key lacks the right for this or the project, or Kubernetes rejected the change by policy",
    404: "Job not found, or of another project or namespace",
    409: "The state of the job does not allow this",
    413: "The body is larger than 64 KiB",
    422: "Validation error",
    429: "The key has exceeded its request rate",
    502: "The hub cannot be reached, or does not have the file",
    503: "The gateway has not read the jobs yet, or the Kubernetes API is unavailable; try again after Retry-After",
}
"""Default descriptions of errors."""

READ: Final = (403, 503)
"""Errors of every read, in addition to 401 and 429."""
WRITE: Final = (403, 413, 503)
"""Errors of every write, in addition to 401 and 429."""
ONE_JOB: Final = (404, 422)
"""Errors of requests that name a job."""


@dataclass(frozen=True)
class ErrorResponses:
    """OpenAPI responses in the error shape of a dialect, e.g. `errors(*READ, *ONE_JOB)`.

    Attributes:
        model: shape of an error.
        validation: shape of a 422, where that is another.
        invalid: status of a request with invalid fields, where clients of the dialect take 422 for something else.
    """

    model: type[BaseModel]
    validation: type[BaseModel] | None = None
    invalid: int = 422

    def status_of(self, status: int) -> int:
        """The status with which a problem of this status is answered."""
        return self.invalid if status == 422 else status

    def __call__(self, *statuses: int, words: Mapping[int, str] | None = None) -> Responses:
        """The responses of these statuses, of those in `words`, of 401 and of 429."""
        described = {status: ERRORS[status] for status in (401, 429, *statuses)} | dict(words or {})
        return {self.status_of(status): self._response(status, text) for status, text in described.items()}

    def _response(self, status: int, description: str) -> dict[str, Any]:
        model = self.validation if status == 422 and self.validation is not None else self.model
        headers = {"headers": _RETRY_AFTER} if status in (429, 503) else {}
        return {"model": model, "description": description, **headers}


class ErrorResponse(BaseModel):
    """Standard error response."""

    detail: str = Field(description="Error message: the cause and the fix")
    fix: str | None = Field(None, description="The fix by itself; absent where there is none")


class ValidationProblem(BaseModel):
    """An invalid field."""

    loc: list[str | int] = Field(description="Where the field is")
    msg: str = Field(description="The field, its value and the fix")
    type: str = Field(description="Kind of error")
    place: str | None = Field(
        None,
        description="Of `where`: the text around what is wrong and, on a second line, a caret below it; absent else",
    )


class ValidationErrorResponse(BaseModel):
    """Validation error."""

    detail: list[ValidationProblem]


detail_errors: Final = ErrorResponses(ErrorResponse, ValidationErrorResponse)
"""For dialects whose errors `encode_detail` encodes."""
