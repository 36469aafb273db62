"""Jobs as finetune jobs, which is how `qualia job get` and `qualia job cancel` ask for them. Training is refused."""

from typing import Final
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from augmentation_api.vocabulary import PhaseName
from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.dialects.qualia.metadata import JobMetadata, metadata_of
from augmentation_gateway.jobs.changes import cancel_job
from augmentation_gateway.problem import Problem
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey
from augmentation_gateway.views.job import error_of
from augmentation_gateway.views.job_id import JobId
from augmentation_gateway.views.phases import PhaseView, phase_views
from augmentation_gateway.views.responses import ONE_JOB, WRITE, detail_errors
from augmentation_gateway.views.stage import Stage, stage_of

PREFIX: Final = "/v1/finetune"


class FinetuneStatus(BaseModel):
    """The status of a job, in the fields of the older and of the newer releases of `qualia-sdk`."""

    job_id: UUID = Field(description="Unique job identifier")
    project_id: UUID | None
    current_phase: str = Field(description="Current phase name")
    current_op: str = Field(description="As current_phase")
    status: str = Field(description="queued, running, completed, failed, cancelled")
    instance_type: str | None
    region: str | None
    phases: list[PhaseView] = Field(description="Phase history in chronological order")
    ops: list[PhaseView] = Field(description="As phases")
    metadata: JobMetadata
    failure_cause: str | None = Field(description="user: the request cannot be served. Null otherwise")
    failure_reason: str | None = Field(description="Why the job failed, or what blocks it, and the fix")


class FinetuneCancelled(BaseModel):
    """Result of cancelling a job."""

    job_id: UUID = Field(description="Unique job identifier")
    cancelled: bool = Field(description="Whether the job is cancelled, or being cancelled")
    message: str


def encode_status(record: JobRecord, _: ClassRecord | None = None) -> bytes:
    """The body of GET /v1/finetune/{job_id}."""
    phases, metadata = phase_views(record), metadata_of(record)
    phase = record.status.current_phase or PhaseName.RESOLVE
    view = FinetuneStatus(
        job_id=UUID(record.uid),
        project_id=record.project_id,
        current_phase=phase,
        current_op=phase,
        status=record.state,
        instance_type=metadata.instance_type,
        region=metadata.region,
        phases=phases,
        ops=phases,
        metadata=metadata,
        failure_cause="user" if stage_of(record) is Stage.REJECTED else None,
        failure_reason=error_of(record.status),
    )
    return view.model_dump_json().encode()


router = APIRouter(prefix=PREFIX, tags=["qualia"])


@router.post(
    "/{job_id}/cancel",
    summary="Cancel Finetune Job",
    responses=detail_errors(*ONE_JOB, *WRITE, words={409: "The job has already completed or failed"}),
)
async def cancel_finetune(job_id: JobId, gateway: CurrentGateway, key: CurrentKey) -> FinetuneCancelled:
    """Cancel a job. Cancelling it again is fine."""
    message = await cancel_job(gateway, key, str(job_id))
    return FinetuneCancelled(job_id=job_id, cancelled=True, message=message)


# Not in the OpenAPI document, which lists what there is.
@router.post("", include_in_schema=False)
@router.get("/hyperparams/defaults", include_in_schema=False)
@router.post("/hyperparams/validate", include_in_schema=False)
async def refuse_training() -> None:
    """Say what there is instead of training."""
    raise Problem(
        404,
        "There is no training here: this service augments datasets",
        "use client.augmentation.create, `augmentation submit` or POST /v1/augmentation",
    )
