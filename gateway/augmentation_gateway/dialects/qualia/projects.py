"""Projects: the ids in jobs and keys. A project is a label of jobs, and there as long as one of them has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from augmentation_api.counted import counted
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.dialects.qualia.pages import PageInfo, PageQuery, Pager
from augmentation_gateway.dialects.qualia.raw_status import updated
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.query import Filters, Order, matching, top_k
from augmentation_gateway.problem import Problem
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey
from augmentation_gateway.views.job import Moment
from augmentation_gateway.views.responses import OK_WITH_AGE, READ, WRITE, detail_errors

PREFIX: Final = "/v1/projects"
MAX_JOBS: Final = 200
"""Jobs that the list without pages shows, of all projects."""
_UNKNOWN: Final = datetime.fromtimestamp(0, UTC)
"""When a project of a key was created: nothing says it."""


class ProjectSummary(BaseModel):
    """A project."""

    project_id: UUID
    name: str = Field(description="The id: projects have no names here")
    description: str | None = Field(description="How many jobs it has")
    created_at: Moment = Field(description="When its first job was created; 1970 for a key's project without jobs")
    updated_at: Moment = Field(description="When one of its jobs last changed its state")


class ProjectPage(BaseModel):
    """A page of projects."""

    items: list[ProjectSummary]
    page_info: PageInfo


class ProjectJob(BaseModel):
    """A job of a project."""

    job_id: UUID
    name: str | None
    model: str | None = Field(None, description="Always null: no job trains a model")
    dataset: str | None
    status: str | None
    created_at: Moment


class Project(BaseModel):
    """A project with its jobs."""

    project_id: UUID
    name: str = Field(description="The id: projects have no names here")
    description: str | None
    created_at: Moment
    jobs: list[ProjectJob] = Field(description=f"Of the newest {MAX_JOBS} jobs of all projects, those of this one")


class ProjectList(BaseModel):
    """All projects."""

    data: list[Project]


class ProjectRequest(BaseModel):
    """A project to create."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=255, description="The id is derived from it; the name is not kept")
    description: str | None = Field(None, max_length=1000, description="Not kept")


class ProjectCreated(BaseModel):
    """The id of a new project."""

    created: bool = Field(description="False if it has jobs already")
    project_id: UUID
    message: str


class ProjectDeleted(BaseModel):
    """A project that is not there any more."""

    deleted: bool
    project_id: UUID


@dataclass
class _Project:
    project_id: UUID
    created: str = ""
    updated: str = ""
    jobs: int = 0
    unfinished: int = 0

    def add(self, record: JobRecord) -> None:
        self.created = min(self.created or record.created, record.created)
        self.updated = max(self.updated, updated(record))
        self.jobs += 1
        self.unfinished += not record.state.is_final

    @property
    def description(self) -> str:
        jobs = counted(self.jobs, "job")
        return f"{jobs}, {self.unfinished} of them not finished" if self.unfinished else jobs

    @property
    def created_at(self) -> datetime:
        return datetime.fromisoformat(self.created) if self.created else _UNKNOWN

    def summary(self) -> ProjectSummary:
        return ProjectSummary(
            project_id=self.project_id,
            name=str(self.project_id),
            description=self.description,
            created_at=self.created_at,
            updated_at=datetime.fromisoformat(self.updated) if self.updated else _UNKNOWN,
        )


_KEYS: Final = {
    "newest": lambda project: (project.created, str(project.project_id)),
    "oldest": lambda project: (project.created, str(project.project_id)),
    "updated": lambda project: (project.updated, str(project.project_id)),
    "name": lambda project: (str(project.project_id), str(project.project_id)),
}

router = APIRouter(prefix=PREFIX, tags=["qualia"])


@router.get("/list", summary="List Projects", responses={**OK_WITH_AGE, **detail_errors(422, *READ)})
async def list_projects(query: Annotated[PageQuery, Query()], gateway: CurrentGateway, key: CurrentKey) -> ProjectPage:
    """List the projects of the jobs that the key may see, and those that the key names."""
    pager = Pager(query, _KEYS)
    text = (query.search or "").lower()
    pager.add(project for project in await _projects(gateway, key) if text in str(project.project_id))
    projects, page_info = pager.page()
    return ProjectPage(items=[project.summary() for project in projects], page_info=page_info)


@router.get("", summary="List Projects With Jobs", responses={**OK_WITH_AGE, **detail_errors(*READ)})
async def list_projects_with_jobs(gateway: CurrentGateway, key: CurrentKey) -> ProjectList:
    """List the newest 100 projects with their newest jobs, on one page."""
    newest = top_k(Order.NEWEST, MAX_JOBS)
    async for jobs in matching(gateway, key, Filters()):
        newest.add(jobs)
    jobs_of: dict[UUID | None, list[ProjectJob]] = {}
    for record in newest.in_order():
        jobs_of.setdefault(record.project_id, []).append(_project_job(record))
    pager = Pager(PageQuery(limit=100), _KEYS)
    pager.add(await _projects(gateway, key))
    return ProjectList(
        data=[
            Project(
                project_id=project.project_id,
                name=str(project.project_id),
                description=project.description,
                created_at=project.created_at,
                jobs=jobs_of.get(project.project_id, []),
            )
            for project in pager.page()[0]
        ]
    )


@router.post(
    "",
    status_code=201,
    summary="Create Project",
    responses=detail_errors(400, 422, *WRITE, words={409: "The key names its projects and can create none"}),
)
async def create_project(body: ProjectRequest, gateway: CurrentGateway, key: CurrentKey) -> ProjectCreated:
    """Get the id of a project: the same for the same name. The project is listed once it has a job."""
    if not key.may_use_all_projects:
        raise Problem(
            409,
            f"Key {key.id!r} names its projects and can create none",
            f"use project {key.projects[0]}, or ask the administrator for another key",
        )
    project_id = uuid5(NAMESPACE_URL, f"project://{key.namespace}/{body.name}")
    jobs = await _jobs_in(gateway, key, project_id)
    return ProjectCreated(
        created=not jobs,
        project_id=project_id,
        message="A project is a label of jobs: it is listed once it has a job, under its id.",
    )


@router.delete(
    # `list` is a collection and no project, whatever the method.
    "/{project_id:uuid}",
    summary="Delete Project",
    responses=detail_errors(
        422, *WRITE, words={404: "No project of this key", 409: "It has jobs, or the key names it"}
    ),
)
async def delete_project(
    project_id: Annotated[UUID, Path(description="Id of a project without jobs")],
    gateway: CurrentGateway,
    key: CurrentKey,
) -> ProjectDeleted:
    """Delete a project without jobs, of which nothing is kept."""
    if not key.may_use_project(project_id):
        raise Problem(404, f"There is no project {project_id}.")
    if jobs := await _jobs_in(gateway, key, project_id):
        raise Problem(
            409,
            f"Project {project_id} has {counted(jobs, 'job')}, and is there as long as it has any",
            "delete them first (DELETE /v1/augmentation/{job_id})",
        )
    if not key.may_use_all_projects:
        raise Problem(
            409, f"Key {key.id!r} names project {project_id}", "have the administrator take it out of the key"
        )
    return ProjectDeleted(deleted=True, project_id=project_id)


async def _projects(gateway: Gateway, key: ApiKey) -> Sequence[_Project]:
    projects = {project: _Project(project) for project in key.projects if isinstance(project, UUID)}
    async for jobs in matching(gateway, key, Filters()):
        for record in jobs:
            if record.project_id is not None:
                projects.setdefault(record.project_id, _Project(record.project_id)).add(record)
    return list(projects.values())


async def _jobs_in(gateway: Gateway, key: ApiKey, project_id: UUID) -> int:
    return sum([len(jobs) async for jobs in matching(gateway, key, Filters(project_id=project_id))])


def _project_job(record: JobRecord) -> ProjectJob:
    return ProjectJob(
        job_id=UUID(record.uid),
        name=record.display_name,
        dataset=record.dataset_id,
        status=record.state,
        created_at=record.created_at,
    )
