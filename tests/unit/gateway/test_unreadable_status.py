"""A status with unreadable fields hides neither its job nor any other."""

import logging
from typing import Any

import httpx
import pytest

from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.views.job_id import batch_id
from tests.unit.gateway.conftest import put
from tests.unit.gateway.job_objects import JOB_ID, job_object

EVENT = {"id": "augmentation-worker-shard-0-000001", "status": "started"}
AUGMENTING: dict[str, Any] = {"state": "running", "currentPhase": "augment"}


def with_event(**event: object) -> dict[str, Any]:
    return AUGMENTING | {"phases": [{"name": "augment", "status": "in_progress", "events": [EVENT | event]}]}


UNREADABLE: dict[str, dict[str, Any]] = {
    "an offset of 99 hours": with_event(timestamp="2020-01-01T00:00:00+99:99"),
    "the year 0": with_event(timestamp="0000-01-01T00:00:00Z"),
    "a time without an offset": with_event(timestamp="2020-01-01T00:00:00"),
    "the first year in the east": with_event(timestamp="0001-01-01T00:00:00+23:00"),
    "a number as a time": with_event(timestamp=4e18),
    "1.2 MB of details": with_event(data={"much": "x" * 1_200_000}),
    "4e18 episodes": AUGMENTING | {"source": {"episodes": 4 * 10**18, "selectedEpisodes": 4 * 10**18}},
    "4e18 frames of a shard": AUGMENTING | {"shardCount": 1, "shards": [{"index": 0, "frames": {"total": 4 * 10**18}}]},
    "an infinite speed": AUGMENTING | {"progress": {"framesPerSecond": float("inf")}},
    "shards of a wrong type": AUGMENTING | {"shards": "all of them"},
    "phases of a wrong type": AUGMENTING | {"phases": {"name": "augment"}},
    "a source and usage of a wrong type": AUGMENTING | {"source": "a hub", "usage": [1], "startedAt": {"at": 1}},
    "an output of a wrong type": AUGMENTING | {"output": ["lab/kitchen"]},
    "a phase without a name": AUGMENTING | {"phases": [{"events": [EVENT]}]},
    "a state of a wrong type": {"state": {"is": "running"}},
    "a queue of a wrong type": {"state": "queued", "queue": {"position": "first"}},
}
LISTS = [
    "/v1/augmentation",
    "/jobs",
    "/v0.5/batch/jobs",
    "/v0.5/batch/jobs/queue",
    "/api/v2/status/",
    "/v1/jobs/list?sort=updated",
    "/v1/datasets/list",
    "/v1/projects",
]
OTHER_ID = "00000000-0000-4000-8000-00000000000a"
READS = [
    f"/v1/augmentation/{JOB_ID}",
    f"/v1/augmentation/{JOB_ID}/outputs",
    f"/v1/augmentation/{JOB_ID}/resource",
    f"/v1/augmentation/{JOB_ID}/request",
    f"/jobs/{JOB_ID}",
    f"/v1/finetune/{JOB_ID}",
    f"/v0.5/batch/jobs/{batch_id(JOB_ID)}",
    f"/v0.5/batch/jobs/{batch_id(JOB_ID)}/events",
    f"/v0.5/batch/jobs/{batch_id(JOB_ID)}/inputs",
    f"/v0.5/batch/jobs/{batch_id(JOB_ID)}/outputs",
    f"/api/v2/status/{JOB_ID}/",
]
unreadable = pytest.mark.parametrize("status", UNREADABLE.values(), ids=UNREADABLE)


def show(view: ClusterView, status: dict[str, Any]) -> None:
    """Add the job with this status and another job to the cache."""
    put(view, job_object(version=300, status=status))
    put(view, job_object(version=301, uid=OTHER_ID, name="other", status={"state": "queued"}))


@unreadable
@pytest.mark.parametrize("path", LISTS)
async def test_list_shows_all_jobs(
    http: httpx.AsyncClient, view: ClusterView, status: dict[str, Any], path: str
) -> None:
    show(view, status)
    answer = await http.get(path)
    assert answer.status_code == 200, answer.text
    text = answer.text
    assert OTHER_ID in text or batch_id(OTHER_ID) in text
    if "queue" not in path:
        assert JOB_ID in text or batch_id(JOB_ID) in text


@unreadable
@pytest.mark.parametrize("path", READS)
async def test_job_shows_readable_fields(
    http: httpx.AsyncClient, view: ClusterView, status: dict[str, Any], path: str
) -> None:
    show(view, status)
    answer = await http.get(path)
    assert answer.status_code == 200, answer.text


@unreadable
async def test_event_stream_reports_job(http: httpx.AsyncClient, view: ClusterView, status: dict[str, Any]) -> None:
    show(view, status | {"state": "failed"})  # a stream of a job that has ended ends
    answer = await http.get(f"/v1/augmentation/{JOB_ID}/events")
    assert answer.status_code == 200
    assert "event: status" in answer.text


@unreadable
async def test_job_can_be_cancelled(http: httpx.AsyncClient, view: ClusterView, status: dict[str, Any]) -> None:
    show(view, status)
    assert (await http.post(f"/v1/augmentation/{JOB_ID}/cancel")).status_code == 200


async def test_filter_by_text_finds_other_jobs(http: httpx.AsyncClient, view: ClusterView) -> None:
    show(view, AUGMENTING | {"placement": {"node": 7}})
    answer = await http.get("/v1/augmentation", params={"q": "other"})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v1/augmentation", "/jobs", "/v0.5/batch/jobs"])
async def test_unreadable_job_is_omitted_and_logged_once(
    http: httpx.AsyncClient, view: ClusterView, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = job_object(version=300, status=AUGMENTING)
    broken["spec"]["source"] = 7  # which no CRD of this project lets pass
    put(view, broken, job_object(version=301, uid=OTHER_ID, name="other", status={"state": "queued"}))
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            answer = await http.get(path)
            assert answer.status_code == 200, answer.text
            assert OTHER_ID in answer.text or batch_id(OTHER_ID) in answer.text
    assert len([record for record in caplog.records if "left out of lists" in record.message]) == 1
