"""Requests, lists and errors of the batch dialect."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from augmentation_api.vocabulary import AugmentationType
from augmentation_gateway.dialects.batch.views import BatchEvent, BatchInput, BatchJob, BatchOutput, BatchStatus
from augmentation_gateway.observability import request_id
from augmentation_gateway.problem import Problem
from augmentation_gateway.views.request import AugmentationRequest


class ErrorEntry(BaseModel):
    """An error."""

    code: str = Field(description="A stable word for the kind of error")
    message: str = Field(description="The cause")
    suggestion: str = Field(description="What to do")
    error_uid: str = Field(description="Id of the request in the gateway's log")


class ErrorList(BaseModel):
    """Errors of a request."""

    errors: list[ErrorEntry]


class BatchJobRequest(BaseModel):
    """A job to create."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        None, description="Name of the job, for people"
    )
    pipeline_type: Literal["batch"] = Field("batch", description="Pipeline type")
    pipeline_key: Literal["augmentation-deterministic", "augmentation-generative"] = Field(
        "augmentation-deterministic", description="Pipeline key"
    )
    parameters: AugmentationRequest = Field(description="As the body of POST /v1/augmentation")

    @model_validator(mode="before")
    @classmethod
    def _into_parameters(cls, value: Any) -> Any:
        # Fields outside of the parameters count inside, so that each error is reported at its own place.
        if isinstance(value, dict) and isinstance(value.get("parameters"), dict):
            kind = str(value.get("pipeline_key", "augmentation-deterministic")).removeprefix("augmentation-")
            inside = dict(value["parameters"])
            if kind in list(AugmentationType):
                inside.setdefault("augmentation_type", kind)
            if isinstance(value.get("name"), str):
                inside.setdefault("name", value["name"])
            return {**value, "parameters": inside}
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.pipeline_key != f"augmentation-{self.parameters.augmentation_type}":
            raise ValueError(
                f"pipeline_key {self.pipeline_key} and parameters.augmentation_type "
                f"{self.parameters.augmentation_type} contradict each other: give one of them"
            )
        return self


class BatchJobList(BaseModel):
    """A page of jobs."""

    jobs: list[BatchJob]
    total: int = Field(description="Jobs on all pages")
    offset: int
    limit: int


class EventList(BaseModel):
    """Events of a job."""

    events: list[BatchEvent]
    total: int


class InputList(BaseModel):
    """The episodes of a job."""

    inputs: list[BatchInput]
    total: int
    offset: int
    limit: int


class OutputList(BaseModel):
    """The files of a result."""

    outputs: list[BatchOutput]
    total: int


class PageQuery(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offset: int = Field(0, ge=0, le=2**31, description="Entries to skip")
    limit: int = Field(50, ge=1, le=1000, description="Maximum number of entries per page")


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
