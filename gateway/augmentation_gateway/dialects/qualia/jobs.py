"""The list of jobs, as `client.jobs.list` and `qualia job list` show it."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from augmentation_api.vocabulary import PhaseName, State
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.dialects.qualia.metadata import JOB_TYPE, JobMetadata, metadata_of
from augmentation_gateway.dialects.qualia.pages import PageInfo, PageQuery, Pager
from augmentation_gateway.dialects.qualia.raw_status import updated
from augmentation_gateway.jobs.entries import legible
from augmentation_gateway.jobs.query import Filters, matching
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey
from augmentation_gateway.views.job import Moment
from augmentation_gateway.views.responses import OK_WITH_AGE, READ, detail_errors

PREFIX: Final = "/v1/jobs"
NO_PROJECT: Final = UUID(int=0)
"""Of a job without a project, as this API's jobs always have one."""


class JobSummary(BaseModel):
    """A job in a list."""

    job_id: UUID
    project_id: UUID = Field(description="All zeros for a job without a project")
    job_desc: str | None = Field(description="Name of the job")
    current_phase: str | None = Field(description="Phase name: resolve, provision, augment, publish")
    current_op: str | None = Field(description="As current_phase")
    status: str | None = Field(description="queued, running, completed, failed, cancelled")
    vla_type: str | None = Field(None, description="Always null: no job trains a model")
    job_type: str = Field(description=f"Always {JOB_TYPE}")
    model: str | None = Field(None, description="Always null: no job trains a model")
    dataset: str | None = Field(description="Dataset that is augmented; null if it is on a volume")
    instance_type: str | None
    region: str | None
    duration_hours: float | None = Field(description="From start to end; null while the job is not finished")
    batch_size: int | None = Field(None, description="Always null: no job trains a model")
    use_rabc: bool = Field(False, description="Always false: no job trains a model")
    finetuned_model_id: str | None = Field(None, description="Always null: no job trains a model")
    augmented_dataset_id: str | None = Field(description="The published dataset, once the job has completed")
    created_at: Moment | None
    metadata: JobMetadata


class JobPage(BaseModel):
    """A page of jobs."""

    items: list[JobSummary]
    page_info: PageInfo


class JobsQuery(PageQuery):
    """Which jobs to list."""

    project_id: UUID | None = Field(None, description="Only jobs of this project")
    vla_type: str | None = Field(None, max_length=64, description="Only jobs that train such a model, of which none is")
    job_type: str | None = Field(None, max_length=64, description=f"Only jobs of this type; all are {JOB_TYPE}")


_KEYS: Final = {
    "newest": lambda job: (job.created, job.uid),
    "oldest": lambda job: (job.created, job.uid),
    "updated": lambda job: (updated(job), job.uid),
    "name": lambda job: (job.display_name.lower(), job.uid),
}

router = APIRouter(prefix=PREFIX, tags=["qualia"])


@router.get("/list", summary="List Jobs By Cursor", responses={**OK_WITH_AGE, **detail_errors(422, *READ)})
async def list_jobs(query: Annotated[JobsQuery, Query()], gateway: CurrentGateway, key: CurrentKey) -> JobPage:
    """List the jobs that the key may see."""
    pager: Pager[JobRecord] = Pager(query, _KEYS)
    if query.vla_type is None and query.job_type in (None, JOB_TYPE):
        async for jobs in matching(gateway, key, Filters(project_id=query.project_id, name=query.search)):
            pager.add(jobs)
    jobs, page_info = pager.page()
    return JobPage(items=[summary for _, summary in legible(jobs, _summary)], page_info=page_info)


def _summary(record: JobRecord) -> JobSummary:
    status, metadata = record.status, metadata_of(record)
    phase = status.current_phase or PhaseName.RESOLVE
    ended, started = record.finished_at, status.started_at
    output = status.output if record.state is State.COMPLETED else None
    return JobSummary(
        job_id=UUID(record.uid),
        project_id=record.project_id or NO_PROJECT,
        job_desc=record.display_name,
        current_phase=phase,
        current_op=phase,
        status=record.state,
        job_type=JOB_TYPE,
        dataset=record.dataset_id,
        instance_type=metadata.instance_type,
        region=metadata.region,
        duration_hours=(ended - started).total_seconds() / 3600 if ended and started else None,
        augmented_dataset_id=output.dataset_id if output else None,
        created_at=metadata.created_at,
        metadata=metadata,
    )
