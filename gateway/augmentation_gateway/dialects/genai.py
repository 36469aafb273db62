"""`/api/v2`: the status API of generative jobs."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from augmentation_api.vocabulary import State
from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.dialects.dialect import Dialect
from augmentation_gateway.dialects.native.answer import Moment, error_of
from augmentation_gateway.dialects.native.routes import encode_problem
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.delete import delete_job
from augmentation_gateway.jobs.entries import entries
from augmentation_gateway.jobs.job_id import read_uuid
from augmentation_gateway.jobs.query import Filters, Order, page_at
from augmentation_gateway.jobs.stage import Stage, stage_of
from augmentation_gateway.middleware.route_key import key_of
from augmentation_gateway.views.openapi import AGE_HEADERS, SECURITY, error_responses

PREFIX = "/api/v2"
_STATUS_PATH = re.compile(rf"{PREFIX}/(?:genai/)?status/([^/]+)/?")
_CLOCKS_DIFFER = timedelta(seconds=5)
"""The operator, the API server and this process each have a clock."""

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

    code: Literal[0, 1] = Field(description="The error code associated with the job: 1 where it failed.")
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
    previous: str | None = Field(description="URL of the page before; null on the first one")
    data: list[StatusResponse]


class GenAIError(BaseModel):
    """What went wrong."""

    detail: str = Field(description="The cause and the fix")


class ValidationError(BaseModel):
    """One field that cannot be used."""

    loc: list[str | int]
    msg: str
    type: str


class HTTPValidationErrorResponse(BaseModel):
    """What cannot be used in a request."""

    detail: list[ValidationError]


class PageQuery(BaseModel):
    """Which page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offset: int = Field(0, ge=0, le=2**31, description="Statuses to skip")
    limit: int = Field(100, ge=1, le=1000, description="Statuses on a page")


def status_view(record: JobRecord, stage: Stage | None = None) -> StatusResponse:
    """A job as this API shows it."""
    stage = stage or stage_of(record)
    failed = stage in (Stage.REJECTED, Stage.FAILED)
    return StatusResponse(
        code=1 if failed else 0,
        created=record.status.created_at or record.created_at,
        description=record.display_name,
        message=(error_of(record.status) if failed else None) or record.status.message or "",
        # By state, not by stage: a job that runs is RUNNING while it waits for a node, too.
        status=_STATES.get(stage) or ("RUNNING" if record.state is State.RUNNING else "INITIALIZED"),
        statusId=UUID(record.uid),
        statusType="augmentation",
    )


def encode_status(record: JobRecord, _: ClassRecord | None = None) -> bytes:
    """The body of a status answer."""
    return status_view(record).model_dump_json().encode()


def encode_gone(record: JobRecord, at: datetime) -> bytes | None:
    """The body for a job that was removed by its time to live; None for one that was removed otherwise."""
    expires_at = record.expires_at
    if expires_at is None or at < expires_at - _CLOCKS_DIFFER:
        return None
    return status_view(record, Stage.EXPIRED).model_dump_json().encode()


def parse_id(text: str) -> str:
    """A status id as the cache has it. Raises Problem 422 for what is no UUID."""
    return read_uuid(text, "statusId")


def _status_id(path: str) -> str | None:
    match = _STATUS_PATH.fullmatch(path)
    return match.group(1) if match else None


_StatusId = Annotated[UUID, Path(alias="statusId", description="The ID of the job to retrieve the status for.")]
_NOT_FOUND = "There is no such job, or it is of another project or namespace"


def _router(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["genai"], dependencies=SECURITY)

    async def status(statusId: _StatusId, request: Request) -> Response:  # noqa: N803 - this API's own name
        """Retrieve the execution status of a job. One that was removed by its time to live is EXPIRED for a while."""
        body = gateway.read_status(key_of(request), GENAI, str(statusId))
        return Response(body, media_type="application/json")

    for path in ("/genai/status/{statusId}/", "/status/{statusId}/"):
        router.add_api_route(
            path,
            status,
            response_model=StatusResponse,
            summary="Retrieve the execution status of a job",
            responses={
                200: {"headers": AGE_HEADERS},
                **_errors(
                    e403="The key has no read right",
                    e404=_NOT_FOUND,
                    e422="Validation Error",
                    e503="The gateway has just started and has not read the jobs yet",
                ),
            },
        )

    @router.get(
        "/status/",
        response_model=StatusList,
        summary="List the execution statuses of jobs",
        responses={
            200: {"headers": AGE_HEADERS},
            **_errors(
                e403="The key has no read right",
                e422="Validation Error",
                e503="The gateway has just started and has not read the jobs yet",
            ),
        },
    )
    async def list_statuses(query: Annotated[PageQuery, Query()], request: Request) -> Response:
        """List the statuses of all jobs that the key may see, the newest first."""
        page = await page_at(gateway, key_of(request), Filters(), query.offset, query.limit, Order.NEWEST)
        following, before = query.offset + query.limit, max(0, query.offset - query.limit)

        def link(offset: int) -> str:
            return str(request.url.include_query_params(offset=offset, limit=query.limit))

        links = {
            "count": len(page.jobs),
            "next": link(following) if following < page.total else None,
            "previous": link(before) if query.offset else None,
        }
        data = await entries(page.jobs, lambda job: gateway.encoded(GENAI, job))
        return Response(json.dumps(links).encode()[:-1] + b', "data": [' + data + b"]}", media_type="application/json")

    @router.delete(
        "/status/{statusId}/",
        status_code=204,
        response_model=None,
        summary="Delete a job",
        response_description="The job is deleted, and stopped if it ran",
        responses=_errors(
            e403="The key has no write right, or Kubernetes refused it by policy",
            e404=_NOT_FOUND,
            e413="The body is larger than 64 KiB; this request needs none",
            e422="Validation Error",
            e503="The Kubernetes API is away",
        ),
    )
    async def delete(statusId: _StatusId, request: Request) -> Response:  # noqa: N803 - this API's own name
        """Delete a job, in whatever state it is. A dataset that it has published stays."""
        await delete_job(gateway, key_of(request), str(statusId), even_unfinished=True)
        return Response(status_code=204)

    return router


def _errors(**described: str) -> dict[int | str, dict[str, object]]:
    return error_responses(GenAIError, HTTPValidationErrorResponse, **described)


GENAI = Dialect(
    name="genai",
    prefix=PREFIX,
    status_route=f"{PREFIX}/genai/status/{{statusId}}/",
    status_id=_status_id,
    parse_id=parse_id,
    encode_status=encode_status,
    encode_problem=encode_problem,
    router=_router,
    encode_gone=encode_gone,
    fields={"query": tuple(PageQuery.model_fields)},
)
