"""Lists of jobs and errors of the batch dialect."""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from augmentation_gateway.dialects.batch.pages import PageQuery
from augmentation_gateway.dialects.batch.views import BatchJob, BatchStatus
from augmentation_gateway.observability import request_id
from augmentation_gateway.problem import Problem


class ErrorEntry(BaseModel):
    """An error."""

    code: str = Field(description="A stable word for the kind of error")
    message: str = Field(description="The cause")
    suggestion: str = Field(description="What to do")
    error_uid: str = Field(description="Id of the request in the gateway's log")


class ErrorList(BaseModel):
    """Errors of a request."""

    errors: list[ErrorEntry]


class BatchJobList(BaseModel):
    """A page of jobs."""

    jobs: list[BatchJob]
    total: int = Field(description="Jobs on all pages")
    offset: int
    limit: int


class DeletedJob(BaseModel):
    """A job that was deleted."""

    id: str
    deleted: bool


class BatchQuery(PageQuery):
    """Filters of a list of jobs."""

    limit: int = Field(50, ge=1, le=200, description="Maximum number of jobs per page")
    pipeline_type: Literal["batch", "training"] | None = Field(None, description="All jobs here are batch jobs")
    status: BatchStatus | None = Field(None, description="Only jobs in this status")
    q: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        None, description="Only jobs with this text in their name; upper and lower case are the same"
    )


def encode_problem(problem: Problem) -> bytes:
    """`{"errors": [{code, message, suggestion, error_uid}]}`, one entry per invalid field."""
    code, suggestion = _WORDS.get(problem.status, ("error", "See the message."))
    entries = [
        {
            "code": code,
            "message": _sentence(error.cause),
            "suggestion": _sentence(error.fix[:1].upper() + error.fix[1:]) if error.fix else suggestion,
            "error_uid": request_id.current(),
        }
        for error in problem.fields or [problem]
    ]
    return json.dumps({"errors": entries}).encode()


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


_WORDS = {
    400: ("bad_request", "Change the request."),
    401: ("unauthorized", "Send a valid API key as `Authorization: Bearer KEY`."),
    403: ("forbidden", "Use a key that has this right, or ask the administrator."),
    404: ("not_found", "Check the id, and that the key is of the job's project."),
    405: ("method_not_allowed", "See /openapi.json for the methods of this path."),
    409: ("conflict", "Check the job's status."),
    413: ("payload_too_large", "Shorten the body."),
    422: ("validation_error", "Change this field."),
    429: ("rate_limited", "Wait for the time in Retry-After."),
    500: ("internal_error", "Report the error_uid to the administrator."),
    503: ("unavailable", "Try again after the time in Retry-After."),
}
