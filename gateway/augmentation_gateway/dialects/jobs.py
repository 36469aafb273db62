"""The dialect `/jobs`: jobs with their inputs, outputs and credits."""

import json
from typing import Annotated, Any, Final, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from augmentation_api.identifiers import (
    ANNOTATION_API_KEY_ID,
    ANNOTATION_PRINCIPAL_ID,
    ANNOTATION_PRINCIPAL_TYPE,
)
from augmentation_gateway.cache.records import DEFAULT_HUB, ClassRecord, JobRecord
from augmentation_gateway.credentials.job_access import find_job
from augmentation_gateway.dialect import Dialect, StatusOperation
from augmentation_gateway.jobs.changes import cancel_job
from augmentation_gateway.jobs.entries import entries
from augmentation_gateway.jobs.outputs import published
from augmentation_gateway.jobs.query import Filters, Order, page_at
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey
from augmentation_gateway.views.job import Moment, error_of
from augmentation_gateway.views.job_id import JobId
from augmentation_gateway.views.job_spec import request_of
from augmentation_gateway.views.responses import OK_WITH_AGE, ONE_JOB, READ, WRITE, detail_errors
from augmentation_gateway.views.stage import Stage, stage_of

PREFIX: Final = "/jobs"

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
    """Who created this job; all null for one created with kubectl."""

    principal_type: Literal["user", "service"] | None
    user_id: str | None
    api_key_id: str | None


class DatasetReference(BaseModel):
    """The dataset that is augmented."""

    id: UUID = Field(description="The same for the same dataset of the same hub")
    version_id: UUID | None = Field(description="The same for the same commit; null until the job has been resolved")
    version_number: int = Field(description="Always 1: a hub names its revisions and does not number them")


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
    credits_consumed: float | None = Field(description="Null until the job is finished, and if its class has no price")
    progress: float | None = Field(description="Progress percentage (0-100)")
    estimated_seconds_remaining: float | None


class JobList(BaseModel):
    """A page of jobs."""

    jobs: list[Job]
    total: int = Field(description="Jobs on all pages")
    limit: int
    offset: int


class JobsQuery(BaseModel):
    """Filters of a list of jobs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: JobStatus | None = Field(None, description="Only jobs in this status")
    limit: int = Field(50, ge=1, le=200, description="Maximum number of jobs per page")
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
    # The URL of the dataset: of its page on the hub, or of its folder on the volume.
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


router = APIRouter(prefix=PREFIX, tags=["jobs"])


@router.get("", response_model=JobList, summary="List Jobs", responses={**OK_WITH_AGE, **detail_errors(422, *READ)})
async def list_jobs(query: Annotated[JobsQuery, Query()], gateway: CurrentGateway, key: CurrentKey) -> Response:
    """List the jobs that the key may see, the newest first."""
    filters = Filters(accepts=lambda job: query.status is None or _STATUSES[stage_of(job)] == query.status)
    page = await page_at(gateway, key, filters, query.offset, query.limit, Order.NEWEST)
    jobs = await entries(page.jobs, lambda job: gateway.statuses.encode(job, DIALECT))
    rest = json.dumps({"total": page.total, "limit": query.limit, "offset": query.offset}).encode()
    return Response(b'{"jobs":[' + jobs + b"]," + rest[1:], media_type="application/json")


@router.post(
    "/{job_id}/cancel",
    response_model=Job,
    summary="Cancel Job",
    responses=detail_errors(*ONE_JOB, *WRITE, words={409: "The job has already succeeded, failed or been rejected"}),
)
async def cancel(job_id: JobId, gateway: CurrentGateway, key: CurrentKey) -> Response:
    """Cancel a job; it is canceled when its pods have stopped. Cancelling it again is fine."""
    await cancel_job(gateway, key, str(job_id))
    body = gateway.statuses.encode(find_job(key, str(job_id), gateway.view), DIALECT)
    return Response(body, media_type="application/json")


DIALECT: Final = Dialect(
    name="jobs",
    prefix=PREFIX,
    status_path=f"{PREFIX}/{{job_id}}",
    any_trailing_slash=True,
    status_operation=StatusOperation(
        summary="Get Job Detail",
        description="Get a job with its input, output, resources and errors.",
        model=Job,
        name="job",
    ),
    encode_status=encode_status,
    routers=(router,),
    fields={"query": tuple(JobsQuery.model_fields)},
)
