"""Datasets: those that jobs read and published, and the cameras of one, which a job has to have read."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from augmentation_api.failure import FailureReason
from augmentation_api.spec import REPO_ID_PATTERN, AugmentationJobSpec
from augmentation_gateway.cache.records import DEFAULT_HUB, JobRecord
from augmentation_gateway.credentials.authentication import require
from augmentation_gateway.credentials.job_access import find_job, require_synced, visible
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.dialects.qualia.pages import PageInfo, PageQuery, Pager
from augmentation_gateway.dialects.qualia.raw_status import published, subtype, updated
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.create import create_job
from augmentation_gateway.jobs.entries import legible, slices
from augmentation_gateway.jobs.preview_request import preview_spec
from augmentation_gateway.jobs.query import Filters, matching
from augmentation_gateway.problem import Problem, unavailable
from augmentation_gateway.views.dataset_id import address_of
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey
from augmentation_gateway.views.job import Moment, error_of
from augmentation_gateway.views.responses import OK_WITH_AGE, READ, detail_errors
from augmentation_gateway.views.stage import failure_reason

PREFIX: Final = "/v1/datasets"
Direction = Literal["input", "output"]
MAX_LINKS: Final = 100
"""Jobs that a dataset of a list names."""
WAIT_SECONDS: Final = 20.0
"""How long a request waits for cameras to be read; clients wait 30 s."""
POLL_SECONDS: Final = 0.25
FAILURE_SECONDS: Final = 60.0
"""For how long a failure to read a dataset is the answer, before it is read again."""


class JobLink(BaseModel):
    """A job of a dataset."""

    job_id: UUID
    direction: Direction = Field(description="input: it reads the dataset. output: it published it")


class Dataset(BaseModel):
    """A dataset that jobs have read or published."""

    artifact_id: UUID = Field(description="The same for the same dataset of the same hub, also in /jobs")
    subtype: str = Field(description="lerobot_v3, lerobot_v2_1, images; unknown until a job has read it")
    path: str = Field(description="`owner/name`, or the URL of a store")
    metadata: dict[str, Any] = {}
    jobs: list[JobLink] = Field(description=f"The newest {MAX_LINKS}")
    created_at: Moment = Field(description="When its first job was created")
    updated_at: Moment = Field(description="When one of its jobs last changed its state")
    published_at: Moment = Field(description="As created_at")


class DatasetPage(BaseModel):
    """A page of datasets."""

    items: list[Dataset]
    page_info: PageInfo


class DatasetsQuery(PageQuery):
    """Which datasets to list."""

    dataset_type: str | None = Field(None, max_length=64, description="Only datasets of this subtype")
    flow: Direction | None = Field(None, description="Only datasets that jobs read (input) or published (output)")
    project_id: UUID | None = Field(None, description="Only datasets of jobs of this project")
    job_id: UUID | None = Field(None, description="Only datasets of this job")


class DatasetImageKeys(BaseModel):
    """The cameras of a dataset."""

    dataset_id: str
    image_keys: list[str] = Field(description="Camera keys; for an image dataset, its image columns")


@dataclass
class _Dataset:
    artifact_id: UUID
    path: str
    subtype: str = "unknown"
    created: str = ""
    updated: str = ""
    links: list[tuple[str, str, Direction]] = field(default_factory=list)

    def add(self, record: JobRecord, direction: Direction) -> None:
        self.created = min(self.created or record.created, record.created)
        self.updated = max(self.updated, updated(record))
        if self.subtype == "unknown":
            self.subtype = subtype(record)
        self.links.append((record.created, record.uid, direction))
        if len(self.links) > 2 * MAX_LINKS:
            self.links = sorted(self.links, reverse=True)[:MAX_LINKS]

    def view(self) -> Dataset:
        created_at = datetime.fromisoformat(self.created)
        return Dataset(
            artifact_id=self.artifact_id,
            subtype=self.subtype,
            path=self.path,
            jobs=[
                JobLink(job_id=UUID(uid), direction=direction)
                for _, uid, direction in sorted(self.links, reverse=True)[:MAX_LINKS]
            ],
            created_at=created_at,
            updated_at=datetime.fromisoformat(self.updated),
            published_at=created_at,
        )


_KEYS: Final = {
    "newest": lambda dataset: (dataset.created, str(dataset.artifact_id)),
    "oldest": lambda dataset: (dataset.created, str(dataset.artifact_id)),
    "updated": lambda dataset: (dataset.updated, str(dataset.artifact_id)),
    "name": lambda dataset: (dataset.path.lower(), str(dataset.artifact_id)),
}

router = APIRouter(prefix=PREFIX, tags=["qualia"])


@router.get("/list", summary="List Datasets", responses={**OK_WITH_AGE, **detail_errors(422, *READ)})
async def list_datasets(
    query: Annotated[DatasetsQuery, Query()], gateway: CurrentGateway, key: CurrentKey
) -> DatasetPage:
    """List the datasets on hubs that the jobs which the key may see have read or published."""
    found: dict[UUID, _Dataset] = {}
    wanted = None if query.job_id is None else str(query.job_id)
    async for jobs in matching(gateway, key, Filters(project_id=query.project_id)):
        for record in jobs:
            if wanted is None or record.uid == wanted:
                _note(record, gateway, query.flow, found)
    pager = Pager(query, _KEYS)
    text = (query.search or "").lower()
    pager.add(
        dataset
        for dataset in found.values()
        if text in dataset.path.lower() and query.dataset_type in (None, dataset.subtype)
    )
    datasets, page_info = pager.page()
    return DatasetPage(items=[dataset.view() for dataset in datasets], page_info=page_info)


@router.get(
    "/{owner}/{name}/image-keys",
    summary="Get Image Keys",
    responses={
        **OK_WITH_AGE,
        **detail_errors(
            422,
            *READ,
            words={
                400: "The dataset cannot be read; the error says why",
                404: "There is no such dataset",
                409: "No job has read the dataset yet, and the key may not create one",
                503: "The dataset is being read: try again after Retry-After",
            },
        ),
    },
)
async def image_keys(
    owner: Annotated[str, Path(description="Owner of the dataset", pattern=REPO_ID_PATTERN.partition("/")[0] + "$")],
    name: Annotated[str, Path(description="Name of the dataset", pattern="^" + REPO_ID_PATTERN.partition("/")[2])],
    gateway: CurrentGateway,
    key: CurrentKey,
) -> DatasetImageKeys:
    """Get the cameras of a dataset, as the newest job that has read it found them.

    Where no job has, one is created that reads the dataset's metadata and is removed ten minutes later; the request
    waits for it.
    """
    require(key, Right.READ)
    dataset = f"{owner}/{name}"
    cameras = await _known_cameras(gateway, key, dataset)
    if cameras is None:
        cameras = await _read_cameras(gateway, key, dataset)
    return DatasetImageKeys(dataset_id=dataset, image_keys=cameras)


def _note(record: JobRecord, gateway: Gateway, flow: Direction | None, found: dict[UUID, _Dataset]) -> None:
    runs_as = gateway.view.class_of(record)
    hub = runs_as.hub_endpoint if runs_as else DEFAULT_HUB
    of_job: list[tuple[str | None, Direction]] = [(record.dataset_id, "input"), (published(record), "output")]
    for path, direction in of_job:
        if path is not None and flow in (None, direction):
            artifact_id = uuid5(NAMESPACE_URL, address_of(path, hub))
            found.setdefault(artifact_id, _Dataset(artifact_id, path)).add(record, direction)


async def _jobs_on(gateway: Gateway, key: ApiKey, dataset: str) -> Sequence[JobRecord]:
    """The jobs on a dataset that the key may see, and the previews, the newest first."""
    require_synced(gateway.view)
    jobs = gateway.view.jobs_in(key.namespace)
    found: list[JobRecord] = []
    async for some in slices(jobs.records() if jobs is not None else ()):
        found += [job for job, same in legible(visible(key, some), lambda job: _reads(job, dataset)) if same]
    return sorted(found, key=lambda job: (job.created, job.uid), reverse=True)


def _reads(record: JobRecord, dataset: str) -> bool:
    """Whether a job reads a dataset, and not another one in a folder of its repository."""
    return record.dataset_id == dataset and not record.raw["spec"]["source"]["hub"].get("path")


async def _known_cameras(gateway: Gateway, key: ApiKey, dataset: str) -> list[str] | None:
    jobs = await _jobs_on(gateway, key, dataset)
    return next((cameras for job in jobs if (cameras := _cameras(job)) is not None), None)


def _cameras(record: JobRecord) -> list[str] | None:
    """The cameras that the job's resolve phase has found; None before it has."""
    source = record.status.source
    return None if source is None or source.revision is None else list(source.cameras)


async def _read_cameras(gateway: Gateway, key: ApiKey, dataset: str) -> list[str]:
    """The cameras of a dataset that no job has read yet, by a job that does. Raises Problem if it cannot."""
    if Right.WRITE not in key.rights:
        raise Problem(
            409,
            f"No job has read {dataset} yet, and key {key.id!r} may not create one",
            "ask with a key that may write, or after the first job on the dataset",
        )
    record = await _reader(gateway, key, dataset)
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while True:
        if (cameras := _cameras(record)) is not None:
            return cameras
        if record.state.is_final:
            message = error_of(record.status) or f"The job that should read {dataset} is {record.state}."
            raise Problem(404 if failure_reason(record) == FailureReason.SOURCE_NOT_FOUND else 400, message)
        if asyncio.get_running_loop().time() > deadline:
            raise unavailable(f"{dataset} is being read by job {record.uid}, and the answer is not there yet")
        await asyncio.sleep(POLL_SECONDS)
        record = find_job(key, record.uid, gateway.view)


async def _reader(gateway: Gateway, key: ApiKey, dataset: str) -> JobRecord:
    """The job that reads a dataset for its cameras: one that was created for another request, or a new one."""
    title = f"cameras of {dataset}"
    earlier = _readers(await _jobs_on(gateway, key, dataset), title)
    last = next(iter(earlier), None)
    if last is not None and not _failed_long_ago(last):
        return last
    named = next((project for project in key.projects if isinstance(project, UUID)), None)
    spec = AugmentationJobSpec.model_validate(
        {
            "source": {"hub": {"repoID": dataset}},
            "displayName": title,
            **({} if named is None else {"projectID": str(named)}),
        }
    )
    # Of two requests at two replicas one creates it.
    once = f"{title} after {last.uid if last is not None else 'none'}"
    return (await create_job(gateway, key, preview_spec(spec, None, None), idempotency_key=once)).record


def _readers(jobs: Iterable[JobRecord], title: str) -> list[JobRecord]:
    return [job for job in jobs if job.is_preview and job.display_name == title]


def _failed_long_ago(record: JobRecord) -> bool:
    ended = record.finished_at
    return ended is not None and (datetime.now(UTC) - ended).total_seconds() > FAILURE_SECONDS
