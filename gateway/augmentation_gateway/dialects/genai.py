"""The dialect `/api/v2`: the status API of generative jobs."""

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from augmentation_api.vocabulary import State
from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.credentials.job_access import find_job
from augmentation_gateway.dialect import Dialect, StatusOperation
from augmentation_gateway.jobs.changes import delete_job
from augmentation_gateway.jobs.entries import entries
from augmentation_gateway.jobs.query import Filters, Order, page_at
from augmentation_gateway.problem import Problem
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey
from augmentation_gateway.views.job import Moment, error_of
from augmentation_gateway.views.public_url import public_url
from augmentation_gateway.views.responses import OK_WITH_AGE, ONE_JOB, READ, WRITE, ErrorResponses
from augmentation_gateway.views.stage import Stage, stage_of

PREFIX: Final = "/api/v2"
_STATUS: Final = f"{PREFIX}/genai/status/"
API_VERSION: Final = (2, 49)
"""DataRobot's, whose clients compare it with their own: the one that its Python client 3.20.0 expects."""
MAX_PER_PAGE: Final = 1000
_CLOCK_SKEW: Final = timedelta(seconds=5)
"""Between the clocks of the operator, the API server and this process."""

ExecutionState = Literal["INITIALIZED", "RUNNING", "COMPLETED", "ERROR", "ABORTED", "EXPIRED"]
_STATES: dict[Stage, ExecutionState] = {
    Stage.COMPLETED: "COMPLETED",
    Stage.REJECTED: "ERROR",
    Stage.FAILED: "ERROR",
    Stage.CANCELLED: "ABORTED",
    Stage.EXPIRED: "EXPIRED",
}


class StatusResponse(BaseModel):
    """API response object for job execution status."""

    code: Literal[0, 1] = Field(description="The error code associated with the job: 1 if it failed.")
    created: Moment = Field(description="The creation date of the job (ISO 8601 formatted).")
    description: str = Field(description="The description associated with the job.")
    message: str = Field(description="The error message associated with the job, or what it does.")
    status: ExecutionState = Field(description="The execution status of the job.")
    statusId: UUID = Field(description="ID that can be used with GET /api/v2/status/{statusId}/ to poll.")  # noqa: N815
    statusType: str = Field(description="The type of the status object.")  # noqa: N815


class StatusList(BaseModel):
    """A page of statuses."""

    count: int = Field(description="Number of statuses on this page")
    next: str | None = Field(description="URL of the next page; null on the last one")
    previous: str | None = Field(description="URL of the previous page; null on the first one")
    data: list[StatusResponse]


class VersionResponse(BaseModel):
    """Version of the API."""

    major: int
    minor: int
    versionString: str  # noqa: N815


class GenAIError(BaseModel):
    """An error."""

    detail: str = Field(description="The cause and the fix")


class ValidationError(BaseModel):
    """An invalid field."""

    loc: list[str | int]
    msg: str
    type: str


class HTTPValidationErrorResponse(BaseModel):
    """The invalid fields of a request."""

    detail: list[ValidationError]


class PageQuery(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offset: int = Field(0, ge=0, le=2**31, description="Statuses to skip")
    limit: int = Field(100, ge=0, le=MAX_PER_PAGE, description="Maximum number of statuses per page; 0: 1000")


def status_view(record: JobRecord, stage: Stage | None = None) -> StatusResponse:
    """A job as this API shows it."""
    stage = stage or stage_of(record)
    failed = stage in (Stage.REJECTED, Stage.FAILED)
    return StatusResponse(
        code=1 if failed else 0,
        created=record.status.created_at or record.created_at,
        description=record.display_name,
        message=(error_of(record.status) if failed else None) or record.status.message or "",
        # By state, not by stage: a running job is RUNNING also while it waits for a node.
        status=_STATES.get(stage) or ("RUNNING" if record.state is State.RUNNING else "INITIALIZED"),
        statusId=UUID(record.uid),
        statusType="augmentation",
    )


def encode_status(record: JobRecord, _: ClassRecord | None = None) -> bytes:
    """The body of a status response."""
    return status_view(record).model_dump_json().encode()


def encode_removed(record: JobRecord, at: datetime) -> bytes | None:
    """The body for a job that was removed by its time to live; None for one that was removed otherwise."""
    expires_at = record.expires_at
    if expires_at is None or at < expires_at - _CLOCK_SKEW:
        return None
    return status_view(record, Stage.EXPIRED).model_dump_json().encode()


StatusId = Annotated[UUID, Path(alias="statusId", description="The ID of the job to retrieve the status for.")]
errors: Final = ErrorResponses(GenAIError, HTTPValidationErrorResponse)
router = APIRouter(prefix=PREFIX, tags=["genai"])


@router.get(
    "/status/",
    response_model=StatusList,
    summary="List the execution statuses of jobs",
    responses={**OK_WITH_AGE, **errors(422, *READ)},
)
async def list_statuses(
    query: Annotated[PageQuery, Query()], request: Request, gateway: CurrentGateway, key: CurrentKey
) -> Response:
    """List the statuses of all jobs that the key may see, the newest first."""
    limit = query.limit or MAX_PER_PAGE
    page = await page_at(gateway, key, Filters(), query.offset, limit, Order.NEWEST)
    following, before = query.offset + limit, max(0, query.offset - limit)

    def link(offset: int) -> str:
        return public_url(request, request.url.path, urlencode({"offset": offset, "limit": limit}))

    links = {
        "count": len(page.jobs),
        "next": link(following) if following < page.total else None,
        "previous": link(before) if query.offset else None,
    }
    data = await entries(page.jobs, lambda job: gateway.statuses.encode(job, DIALECT))
    return Response(json.dumps(links).encode()[:-1] + b', "data": [' + data + b"]}", media_type="application/json")


_SEE_OTHER: Final[dict[int | str, dict[str, Any]]] = {
    303: {
        "model": StatusResponse,
        "description": "The job is completed",
        "headers": {"Location": {"description": "Its status above", "schema": {"type": "string", "format": "uri"}}},
    }
}


@router.get("/status/{statusId}", include_in_schema=False)
@router.get(
    "/status/{statusId}/",
    response_model=StatusResponse,
    summary="Check the status of a job, until it has completed",
    responses={**OK_WITH_AGE, **_SEE_OTHER, **errors(*ONE_JOB, *READ)},
)
async def check(status_id: StatusId, request: Request, gateway: CurrentGateway, key: CurrentKey) -> Response:
    """Check a status as `/genai/status/{statusId}/` shows it. A completed job is 303, with the same body."""
    body = gateway.statuses.read(key, str(status_id), DIALECT)
    try:
        completed = find_job(key, str(status_id), gateway.view).state is State.COMPLETED
    except Problem:
        completed = False  # It was removed, and is remembered.
    headers = {"Location": public_url(request, f"{_STATUS}{status_id}/")} if completed else {}
    return Response(body, 303 if completed else 200, headers, media_type="application/json")


@router.get("/version/", summary="Get the version of the API", responses=errors(*READ))
async def version(key: CurrentKey) -> VersionResponse:
    """Get the version of DataRobot's API that this part of it is of; its clients ask for it when they connect."""
    major, minor = API_VERSION
    return VersionResponse(major=major, minor=minor, versionString=f"{major}.{minor}.0")


@router.delete(
    "/status/{statusId}/",
    status_code=204,
    response_model=None,
    summary="Delete a job",
    response_description="The job is deleted, and stopped if it ran",
    responses=errors(*ONE_JOB, *WRITE),
)
async def delete(status_id: StatusId, gateway: CurrentGateway, key: CurrentKey) -> Response:
    """Delete a job in any state. A dataset that it has published stays."""
    await delete_job(gateway, key, str(status_id), even_unfinished=True)
    return Response(status_code=204)


DIALECT: Final = Dialect(
    name="genai",
    prefix=PREFIX,
    status_path=f"{_STATUS}{{statusId}}/",
    any_trailing_slash=True,
    status_operation=StatusOperation(
        summary="Retrieve the execution status of a job",
        description="Retrieve the execution status of a job. A job that its time to live has removed is EXPIRED for a "
        "while.",
        model=StatusResponse,
        id_type=StatusId,
    ),
    encode_status=encode_status,
    encode_removed=encode_removed,
    routers=(router,),
    errors=errors,
    fields={"query": tuple(PageQuery.model_fields)},
)
