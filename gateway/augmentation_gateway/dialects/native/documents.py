"""Requests and responses of the native dialect, except the status and the summary of a job."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from augmentation_api.identifiers import API_VERSION, JOB_KIND
from augmentation_api.spec import Parallelism
from augmentation_api.vocabulary import State
from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.dialects.native.estimates import EstimateView
from augmentation_gateway.dialects.native.status import OutputView, output_view
from augmentation_gateway.jobs.outputs import page_url, published, result_files
from augmentation_gateway.jobs.query import Filters, Order
from augmentation_gateway.views.dataset_id import DatasetId
from augmentation_gateway.views.job_spec import request_of

MAX_PAGE = 200
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class AugmentationResponse(BaseModel):
    """Response after creating an augmentation job."""

    job_id: UUID = Field(description="Unique job identifier")
    status: str = Field(description="Current job status")
    message: str | None = None


class CancelResponse(BaseModel):
    """Response after cancelling an augmentation job."""

    job_id: UUID = Field(description="Unique job identifier")
    cancelled: bool = Field(description="Whether the job is cancelled, or being cancelled")
    message: str | None = None


class RetryResponse(BaseModel):
    """Response after requesting a retry of an augmentation job."""

    job_id: UUID = Field(description="Unique job identifier")
    attempt: int = Field(description="Number of retries requested, including this one")
    message: str | None = None


class Change(BaseModel):
    """What is changed of a job that is not finished."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parallelism: Parallelism | None = Field(
        description="Maximum number of concurrent shards; null: all, within the limits of the class. The number of "
        "shards stays. A job that a queue of Kueue has admitted follows when it is admitted again"
    )


class ChangeResponse(BaseModel):
    """Response after changing an augmentation job."""

    job_id: UUID = Field(description="Unique job identifier")
    parallelism: int | None = Field(description="As it is now")
    message: str | None = None


class DryRunResponse(BaseModel):
    """Result of a dry run."""

    dry_run: bool = True
    message: str
    manifest: dict[str, Any] = Field(description="The AugmentationJob, for `kubectl apply -f`")
    estimate: EstimateView | None = Field(
        None, description="What the job would take, if `estimate` was asked for and is possible"
    )
    estimate_missing: str | None = Field(None, description="Why there is no estimate, and how to get one")


class ListQuery(BaseModel):
    """Which jobs to list. Filters are joined by "and"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project_id: UUID | None = Field(None, description="Only jobs of this project")
    status: Annotated[list[State], Field(max_length=len(State))] = Field(
        default=[], description="Only jobs in this state; may be given more than once"
    )
    dataset_id: DatasetId | None = Field(
        None, description="Only jobs that augment this dataset, `owner/name` or the URL of a store"
    )
    name: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        None, description="Only jobs with this text in their name; upper and lower case are the same"
    )
    q: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        None,
        description="Only jobs with this text in their name, dataset, node or id; upper and lower case are the same",
    )
    sort: Order = Field(Order.NEWEST, description="Sort order; a minus reverses it")
    limit: int = Field(50, ge=1, le=MAX_PAGE, description="Maximum number of jobs per page")
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = Field(
        None, description="next_cursor of the previous page, with the same sort and filters"
    )

    @property
    def filters(self) -> Filters:
        """The filters of the query."""
        return Filters(
            project_id=self.project_id,
            states=tuple(self.status),
            dataset_id=self.dataset_id,
            name=self.name,
            text=self.q,
        )


class OutputFileView(BaseModel):
    """A file of the published dataset."""

    path: str = Field(description="Path in the dataset")
    kind: str = Field(description="card, info, record (how it was made) or picture (before and after)")
    media_type: str
    url: str | None = Field(None, description="Where to get it; null if the dataset is not on a hub")


class OutputsResponse(BaseModel):
    """The result of an augmentation job."""

    job_id: UUID = Field(description="Unique job identifier")
    output: OutputView | None = Field(None, description="The published dataset, once there is one")
    files: list[OutputFileView] = Field(default=[], description="Files that describe the dataset")


def outputs_view(record: JobRecord, runs_as: ClassRecord | None) -> OutputsResponse:
    """The result of a job; empty until there is one."""
    output = published(record)
    return OutputsResponse(
        job_id=UUID(record.uid),
        output=output_view(output, runs_as) if output else None,
        files=[
            OutputFileView(path=file.path, kind=file.kind, media_type=file.media_type, url=file.url)
            for file in result_files(record, runs_as)
        ],
    )


class PrincipalView(BaseModel):
    """The user or service that uses a key."""

    type: Literal["user", "service"]
    id: str


class KeyView(BaseModel):
    """The key that a request was sent with; never the key itself."""

    id: str = Field(description="Name of the key")
    principal: PrincipalView
    organisation: str
    namespace: str = Field(description="Kubernetes namespace whose jobs it sees and creates")
    projects: list[str] = Field(description="Project ids it may use; `*`: every project")
    expires_at: datetime | None = Field(description="When it expires; null: never")
    rights: list[Literal["read", "write"]] = Field(description="What it may do with jobs of these projects")


def key_view(key: ApiKey) -> KeyView:
    """A key without its digest."""
    return KeyView(
        id=key.id,
        principal=PrincipalView(type=key.principal.type, id=key.principal.id),
        organisation=key.organisation,
        namespace=key.namespace,
        projects=[str(project) for project in key.projects],
        expires_at=key.expires_at,
        rights=[right.value for right in key.rights],
    )


class ResourceView(BaseModel):
    """The AugmentationJob; its fields are those of `kubectl explain augmentationjob`."""

    api_version: str = Field(alias="apiVersion")
    kind: str
    metadata: dict[str, Any] = Field(description="name, namespace, uid and the like")
    spec: dict[str, Any] = Field(description="The job's spec, with every default")
    status: dict[str, Any] = Field(description="The job's status; empty until the operator has observed the job")


def encode_resource(record: JobRecord, runs_as: ClassRecord | None) -> bytes:
    """The body of GET …/{job_id}/resource: the object, with the URL of its result derived from its class."""
    metadata = dict(record.raw["metadata"])
    annotations = {name: text for name, text in metadata.get("annotations", {}).items() if name != _LAST_APPLIED}
    metadata = {**metadata, "annotations": annotations}
    whole = {"apiVersion": API_VERSION, "kind": JOB_KIND, "metadata": metadata, "spec": record.raw["spec"]}
    # A class is the cluster's: a key shows its jobs, and no more of their class than its name.
    status = {name: value for name, value in (record.raw.get("status") or {}).items() if name != "classSnapshot"}
    if isinstance(output := status.get("output"), dict) and "url" in output:
        url = page_url(record.status.output, runs_as) if record.status.output else None
        status["output"] = {name: value for name, value in output.items() if name != "url"} | (
            {"url": url} if url else {}
        )
    return json.dumps({**whole, "status": status}, separators=(",", ":")).encode()


def encode_request(record: JobRecord) -> bytes:
    """The body of GET …/{job_id}/request."""
    return json.dumps(request_of(record)).encode()
