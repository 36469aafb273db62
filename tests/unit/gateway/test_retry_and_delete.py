"""Retry and deletion of jobs."""

import httpx
import pytest

from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_kube import KubeError, KubeUnavailable
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.gateway.conftest import PATH, put, set_state, writes, written
from tests.unit.gateway.job_objects import JOB_ID, job_object


@pytest.mark.parametrize(
    ("state", "status"), [("queued", 200), ("running", 200), ("completed", 409), ("failed", 409), ("cancelled", 409)]
)
@pytest.mark.parametrize("parallelism", [4, None])
async def test_parallelism_of_an_unfinished_job_is_changed(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube, state: str, status: int, parallelism: int | None
) -> None:
    put(view, job_object(version=300, spec={"parallelism": 2}, status={"state": state}))
    answer = await http.patch(PATH, json={"parallelism": parallelism})
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == {"job_id": JOB_ID, "parallelism": parallelism, "message": "The job is changed."}
        assert written(kube) == [{"metadata": {"uid": JOB_ID}, "spec": {"parallelism": parallelism}}]
    else:
        assert f"The job is {state}" in answer.json()["detail"]
        assert writes(kube) == []


@pytest.mark.parametrize("body", [{}, {"parallelism": 0}, {"parallelism": 2, "cancel": True}])
async def test_nothing_else_of_a_job_is_changed(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube, body: dict[str, object]
) -> None:
    put(view, job_object(version=300, status={"state": "running"}))
    assert (await http.patch(PATH, json=body)).status_code == 422
    assert writes(kube) == []


@pytest.mark.parametrize(
    ("state", "status"), [("queued", 409), ("running", 409), ("completed", 409), ("failed", 200), ("cancelled", 200)]
)
async def test_only_failed_or_cancelled_job_is_retried(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube, state: str, status: int
) -> None:
    set_state(view, state)
    answer = await http.post(f"{PATH}/retry")
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == {"job_id": JOB_ID, "attempt": 1, "message": "The job is being retried."}
        assert written(kube) == [{"metadata": {"uid": JOB_ID}, "spec": {"attempt": 1}}]
    else:
        assert f"The job is {state}" in answer.json()["detail"]
        assert writes(kube) == []


async def test_repeated_retry_is_idempotent_until_observed(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube
) -> None:
    put(view, job_object(version=300, spec={"attempt": 2}, status={"state": "failed", "attempt": 1}))
    answer = await http.post(f"{PATH}/retry")
    assert (answer.status_code, answer.json()["attempt"]) == (200, 2)
    assert writes(kube) == []


async def test_job_that_failed_twice_can_be_retried(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube
) -> None:
    put(view, job_object(version=300, spec={"attempt": 2}, status={"state": "failed", "attempt": 2}))
    assert (await http.post(f"{PATH}/retry")).json()["attempt"] == 3
    assert written(kube) == [{"metadata": {"uid": JOB_ID}, "spec": {"attempt": 3}}]


async def test_retry_of_cancelled_job_clears_cancel(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube
) -> None:
    put(view, job_object(version=300, spec={"cancel": True}, status={"state": "cancelled"}))
    assert (await http.post(f"{PATH}/retry")).status_code == 200
    assert written(kube) == [{"metadata": {"uid": JOB_ID}, "spec": {"attempt": 1, "cancel": False}}]


async def test_retry_may_leave_out_what_cannot_be_used(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube
) -> None:
    found = {"count": 21, "items": [{"index": 3, "cause": "episode 3: camera top: cut short"}]}
    put(view, job_object(version=300, status={"state": "failed", "badEpisodes": found}))
    assert (await http.get(PATH)).json()["bad_episodes"] == {**found, "file": None}
    assert (await http.post(f"{PATH}/retry?on_bad_episode=neither")).status_code == 422
    assert (await http.post(f"{PATH}/retry?on_bad_episode=skip")).status_code == 200
    assert written(kube) == [{"metadata": {"uid": JOB_ID}, "spec": {"attempt": 1, "onBadEpisode": "skip"}}]


async def test_number_of_retries_is_limited(http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube) -> None:
    put(view, job_object(version=300, spec={"attempt": 1000}, status={"state": "failed", "attempt": 1000}))
    answer = await http.post(f"{PATH}/retry")
    assert answer.status_code == 409
    assert "create a new one" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("state", "status"), [("queued", 409), ("running", 409), ("completed", 204), ("failed", 204), ("cancelled", 204)]
)
async def test_only_finished_job_is_deleted(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube, state: str, status: int
) -> None:
    set_state(view, state)
    answer = await http.delete(PATH)
    assert answer.status_code == status
    assert [(call.verb, call.name, call.preconditions) for call in writes(kube)] == (
        [("delete", "a-job", (JOB_ID, None))] if status == 204 else []
    )
    assert (await http.get(PATH)).status_code == (404 if status == 204 else 200)
    if status == 409:
        assert "cancel it first" in answer.json()["detail"]


async def test_deleted_job_stays_deleted_after_stale_watch_event(http: httpx.AsyncClient, view: ClusterView) -> None:
    set_state(view, "failed")
    await http.delete(PATH)
    put(view, job_object(version=301, status={"state": "failed"}))
    assert (await http.get(PATH)).status_code == 404


@pytest.mark.parametrize(
    ("key", "status"), [("project", 204), ("other-project", 404), ("other-namespace", 404), ("reader", 403)]
)
@pytest.mark.parametrize("action", ["retry", "delete"])
async def test_retry_and_delete_require_rights(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube, action: str, key: str, status: int
) -> None:
    set_state(view, "failed")
    headers = {"x-api-key": key}
    if action == "delete":
        answer = await http.delete(PATH, headers=headers)
    else:
        answer = await http.post(f"{PATH}/retry", headers=headers)
        status = 200 if status == 204 else status
    assert answer.status_code == status
    assert len(writes(kube)) == (status < 300)


@pytest.mark.parametrize(
    ("error", "status"), [(KubeUnavailable("refused"), 503), (KubeError(403, "Forbidden", "by policy"), 403)]
)
async def test_failed_write_is_reported(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube, error: Exception, status: int
) -> None:
    set_state(view, "failed")
    kube.fail(error)
    assert (await http.post(f"{PATH}/retry")).status_code == status
    assert (await http.delete(PATH)).status_code == status
    assert (await http.get(PATH)).status_code == 200
