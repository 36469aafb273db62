"""The requests and responses of this dialect: documented fields, then those of the vendor's client."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from augmentation_gateway.views.job import Moment

JobStatus = Literal["initializing", "pending", "queued", "running", "succeeded", "failed", "canceled", "rejected"]
_Id = Annotated[str | None, Field(max_length=255)]


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
    """Basic job information."""

    id: UUID = Field(description="The same as job_id")
    type: Literal["augmentation"]
    status: JobStatus
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    created_by: CreatedBy
    dataset_id: UUID = Field(description="Of the dataset that is augmented, as in resources")
    dataset_name: str | None = Field(description="Its name on the hub, `owner/name`; null for one on a volume")


class JobDetail(BaseModel):
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
    id: UUID = Field(description="The same as job_id")
    dataset_id: UUID = Field(description="Of the dataset that is augmented, as in resources")
    dataset_name: str | None = Field(description="Its name on the hub, `owner/name`; null for one on a volume")


class JobList(BaseModel):
    """A page of jobs, twice: as the vendor's client reads them, and in detail."""

    items: list[Job]
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last one")
    jobs: list[JobDetail]
    total: int = Field(description="Jobs on all pages")
    limit: int
    offset: int


class JobResults(BaseModel):
    """What a job has published; all null until there is a result."""

    job_type: Literal["augmentation"]
    dataset_ingest_results: dict[str, Any] | None = Field(
        description="dataset_id, revision, episodes, frames of the published dataset, and the url of its page on the "
        "hub, which checks access itself; null where it has none"
    )
    summary: dict[str, Any] | None = Field(description="total_row_count: the frames of the published dataset")
    row_paginatable: Literal[False] = Field(False, description="Rows are read from the hub")


class JobsQuery(BaseModel):
    """Filters of a list of jobs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: JobStatus | Literal["waiting_for_upload"] | None = Field(
        None, description="Only jobs in this status; no job waits for an upload"
    )
    type: _Id = Field(None, description="Only jobs of this type: `augmentation`, or there are none")
    dataset_version_id: _Id = Field(None, description="Only jobs of this version of a dataset, as in resources")
    model_id: _Id = Field(None, description="Only jobs of this model; no job has one")
    model_version_id: _Id = Field(None, description="Only jobs of this version of a model; no job has one")
    cursor: str | None = Field(None, max_length=1024, description="`next_cursor` of the page before, with its filters")
    limit: int = Field(50, ge=1, le=200, description="Maximum number of jobs per page")
    offset: int = Field(0, ge=0, le=2**31, description="Jobs to skip; not together with a cursor")
