"""Authorization: the jobs that a key may see and create, for all dialects."""

from collections.abc import Iterable
from uuid import UUID

from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.cache.object_cache import Removed
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.authentication import require
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.problem import Problem, no_such_job, unavailable


def require_project(key: ApiKey, project_id: UUID) -> None:
    """Raise Problem 403 if the key may not create jobs of this project. Whether the project exists is not revealed."""
    if not key.may_use_project(project_id):
        raise Problem(403, f"Key {key.id!r} may not use project {project_id}", "name a project of this key")


def find_job(key: ApiKey, uid: str, view: ClusterView) -> JobRecord:
    """The job with this id, if the key may see it.

    Raises:
        Problem: 404 for a job that does not exist and, in the same words, for one of another namespace or project;
            503 while the jobs have not been read yet.
    """
    jobs = view.jobs_in(key.namespace)
    record = jobs.get(uid) if jobs is not None else None
    if record is None:
        require_synced(view)
    if record is None or not may_see(key, record):
        raise no_such_job(uid)
    return record


def read_job(key: ApiKey, uid: str, view: ClusterView) -> JobRecord:
    """The job with this id, for a key that may read. Raises Problem as `find_job` does, and 403."""
    require(key, Right.READ)
    return find_job(key, uid, view)


def find_removed(key: ApiKey, uid: str, view: ClusterView) -> Removed[JobRecord] | None:
    """A job that was removed, while it is remembered, if the key might have seen it."""
    jobs = view.jobs_in(key.namespace)
    removed = jobs.removed(uid) if jobs is not None else None
    return removed if removed is not None and may_see(key, removed.record) else None


def require_synced(view: ClusterView) -> None:
    """Raise Problem 503 while the jobs have not been read once: before that, one that is not cached may still exist."""
    if not view.synced:
        raise unavailable("The jobs have not been read from Kubernetes yet", retry_after=1)


def may_see(key: ApiKey, record: JobRecord) -> bool:
    """Whether a job belongs to this key's namespace and projects."""
    if record.namespace != key.namespace:
        return False
    return key.may_use_all_projects or key.may_use_project(record.project_id)


def visible(key: ApiKey, records: Iterable[JobRecord]) -> list[JobRecord]:
    """The jobs among these that a key may see, in one loop for thousands of them, as lists need."""
    namespace = key.namespace
    in_namespace = [record for record in records if record.namespace == namespace]
    if key.may_use_all_projects:
        return in_namespace
    return [record for record in in_namespace if key.may_use_project(record.project_id)]
