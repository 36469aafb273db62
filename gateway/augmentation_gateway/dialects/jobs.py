"""`/jobs`: the job API that tells of inputs, outputs and credits."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from augmentation_api.identifiers import (
    ANNOTATION_API_KEY_ID,
    ANNOTATION_PRINCIPAL_ID,
    ANNOTATION_PRINCIPAL_TYPE,
)
from augmentation_gateway.cache.records import DEFAULT_HUB, ClassRecord, JobRecord
from augmentation_gateway.credentials.access import find_job
from augmentation_gateway.dialects.dialect import Dialect
from augmentation_gateway.dialects.native.answer import ErrorResponse, Moment, ValidationErrorResponse, error_of
from augmentation_gateway.dialects.native.routes import encode_problem
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.cancel import cancel_job
from augmentation_gateway.jobs.entries import entries
from augmentation_gateway.jobs.job_id import read_uuid
from augmentation_gateway.jobs.outputs import published
from augmentation_gateway.jobs.query import Filters, Order, page_at
from augmentation_gateway.jobs.stage import Stage, stage_of
from augmentation_gateway.middleware.route_key import key_of
from augmentation_gateway.views.job_spec import request_of
from augmentation_gateway.views.openapi import AGE_HEADERS, SECURITY, error_responses

PREFIX = "/jobs"
_STATUS_PATH = re.compile(rf"{PREFIX}/([^/]+)/?")

JobStatus = Literal["initializing", "pending", "queued", "running", "succeeded", "failed", "canceled", "rejected"]
_STATUSES: dict[Stage, JobStatus] = {
    Stage.ACCEPTED: "initializing",
    Stage.RESOLVING: "pending",
    Stage.QUEUED: "queued",
    Stage.ADMITTED: "queued",
    Stage.RUNNING: "running",
    Stage.PREEMPTED: "queued",
    Stage.COMPLETED: "succeeded",
    Stage.REJECTED: "rejected",
    Stage.FAILED: "failed",
    Stage.CANCELLED: "canceled",
}


class CreatedBy(BaseModel):
    """Who created this job; all null for one made with kubectl."""

    principal_type: Literal["user", "service"] | None
    user_id: str | None
    api_key_id: str | None


class DatasetReference(BaseModel):
    """The dataset that is augmented."""

    id: UUID = Field(description="The same for the same dataset of the same hub")
    version_id: UUID | None = Field(description="The same for the same commit; null until the job has been resolved")
    version_number: int = Field(description="1: a hub names its revisions and does not number them")


class Resources(BaseModel):
    """Resources of an augmentation job."""

    dataset: DatasetReference
    type: Literal["augmentation"]


class Job(BaseModel):
    """Detailed job information."""

    job_id: UUID
    type: Literal["augmentation"]
    status: JobStatus
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    created_by: CreatedBy
    input: dict[str, Any] = Field(description="The request, in the fields of POST /v1/augmentation")
    output: dict[str, Any] = Field(description="dataset_id, revision, episodes, frames; empty until there is a result")
    resources: Resources
    error_message: str | None = Field(description="Human-readable error message if the job failed")
    woodwide_runtime_version: str | None = Field(description="Always null: jobs run the image of their class")
    credits_consumed: float | None = Field(description="Null until final, and where the class has no price")
    progress: float | None = Field(description="Progress percentage (0-100)")
    estimated_seconds_remaining: float | None


class JobList(BaseModel):
    """A page of jobs."""

    jobs: list[Job]
    total: int = Field(description="Jobs on all pages")
    limit: int
    offset: int


class JobsQuery(BaseModel):
    """Which jobs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: JobStatus | None = Field(None, description="Only jobs in this status")
    limit: int = Field(50, ge=1, le=200, description="Jobs on a page")
    offset: int = Field(0, ge=0, le=2**31, description="Jobs to skip")


def job_view(record: JobRecord, runs_as: ClassRecord | None) -> Job:
    """A job as this API shows it."""
    status, stage = record.status, stage_of(record)
    result, progress = published(record), status.progress
    return Job(
        job_id=UUID(record.uid),
        type="augmentation",
        status=_STATUSES[stage],
        created_at=status.created_at or record.created_at,
        started_at=status.started_at,
        finished_at=record.finished_at,
        created_by=_created_by(record),
        input=request_of(record),
        output={
            "dataset_id": result.dataset_id,
            "revision": result.revision,
            "episodes": result.episodes,
            "frames": result.frames,
        }
        if result
        else {},
        resources=Resources(dataset=_dataset(record, runs_as), type="augmentation"),
        error_message=error_of(status) if stage in (Stage.FAILED, Stage.REJECTED) else None,
        woodwide_runtime_version=None,
        credits_consumed=status.usage.price if status.usage and record.state.is_final else None,
        progress=progress.percent if progress else 0,
        estimated_seconds_remaining=progress.estimated_seconds_remaining if progress else None,
    )


def _created_by(record: JobRecord) -> CreatedBy:
    kind = record.annotation(ANNOTATION_PRINCIPAL_TYPE)
    return CreatedBy(
        principal_type=kind if kind in ("user", "service") else None,
        user_id=record.annotation(ANNOTATION_PRINCIPAL_ID),
        api_key_id=record.annotation(ANNOTATION_API_KEY_ID),
    )


def _dataset(record: JobRecord, runs_as: ClassRecord | None) -> DatasetReference:
    hub = (runs_as.hub_endpoint if runs_as else DEFAULT_HUB).rstrip("/")
    volume = record.raw["spec"]["source"].get("volume")
    # The address of the dataset: of its page on the hub, or of its folder on the volume.
    address = (
        f"volume://{record.namespace}/{volume['claimName']}/{volume['path']}"
        if volume
        else f"{hub}/datasets/{record.dataset_id}"
    )
    dataset = uuid5(NAMESPACE_URL, address)
    revision = record.status.source.revision if record.status.source else None
    return DatasetReference(
        id=dataset, version_id=uuid5(dataset, revision) if revision is not None else None, version_number=1
    )


def encode_status(record: JobRecord, runs_as: ClassRecord | None) -> bytes:
    """The body of GET /jobs/{job_id}."""
    return job_view(record, runs_as).model_dump_json().encode()


def parse_id(text: str) -> str:
    """A job id as the cache has it. Raises Problem 422 for what is no UUID."""
    return read_uuid(text, "job_id")


def _status_id(path: str) -> str | None:
    match = _STATUS_PATH.fullmatch(path)
    return match.group(1) if match else None


_JobId = Annotated[UUID, Path(description="Unique job identifier; upper and lower case are the same")]
_NO_READ = "The key has no read right"
_NOT_FOUND = "There is no such job, or it is of another project or namespace"
_NOT_READ_YET = "The gateway has just started and has not read the jobs yet"


def _errors(**described: str) -> dict[int | str, dict[str, Any]]:
    return error_responses(ErrorResponse, ValidationErrorResponse, **described)


def _router(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["jobs"], dependencies=SECURITY)

    @router.get(
        "",
        response_model=JobList,
        summary="List Jobs",
        responses={
            200: {"headers": AGE_HEADERS},
            **_errors(e403=_NO_READ, e422="Validation error", e503=_NOT_READ_YET),
        },
    )
    async def list_jobs(query: Annotated[JobsQuery, Query()], request: Request) -> Response:
        """List the jobs that the key may see, the newest first."""
        filters = Filters(accepts=lambda job: query.status is None or _STATUSES[stage_of(job)] == query.status)
        page = await page_at(gateway, key_of(request), filters, query.offset, query.limit, Order.NEWEST)
        jobs = await entries(page.jobs, lambda job: gateway.encoded(JOBS, job))
        rest = json.dumps({"total": page.total, "limit": query.limit, "offset": query.offset}).encode()
        return Response(b'{"jobs":[' + jobs + b"]," + rest[1:], media_type="application/json")

    @router.get(
        "/{job_id}",
        response_model=Job,
        summary="Get Job Detail",
        responses={
            200: {"headers": AGE_HEADERS},
            **_errors(e403=_NO_READ, e404=_NOT_FOUND, e422="Validation error", e503=_NOT_READ_YET),
        },
    )
    async def job(job_id: _JobId, request: Request) -> Response:
        """Get a job with its input, output, resources and errors."""
        return Response(gateway.read_status(key_of(request), JOBS, str(job_id)), media_type="application/json")

    @router.post(
        "/{job_id}/cancel",
        response_model=Job,
        summary="Cancel Job",
        responses=_errors(
            e403="The key has no write right, or Kubernetes refused it by policy",
            e404=_NOT_FOUND,
            e409="The job has succeeded, failed or was rejected already",
            e413="The body is larger than 64 KiB; this request needs none",
            e422="Validation error",
            e503="The Kubernetes API is away",
        ),
    )
    async def cancel(job_id: _JobId, request: Request) -> Response:
        """Cancel a job; it is canceled when its pods have stopped. Again is fine."""
        key = key_of(request)
        await cancel_job(gateway, key, str(job_id))
        return Response(gateway.encoded(JOBS, find_job(key, str(job_id), gateway.view)), media_type="application/json")

    return router


JOBS = Dialect(
    name="jobs",
    prefix=PREFIX,
    status_route=f"{PREFIX}/{{job_id}}",
    status_id=_status_id,
    parse_id=parse_id,
    encode_status=encode_status,
    encode_problem=encode_problem,
    router=_router,
    fields={"query": tuple(JobsQuery.model_fields)},
)
