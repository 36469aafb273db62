"""Lists of jobs: visibility, filters, order and stable pages."""

from typing import Any

import httpx
import pytest

from augmentation_gateway.cache.cluster_view import ClusterView
from tests.unit.gateway.conftest import OTHER_PROJECT, put
from tests.unit.gateway.job_objects import JOB_ID, PROJECT_ID, event, job_object

LIST = "/v1/augmentation"


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def numbered(number: int, *, minute: int | None = None, namespace: str = "robots", **fields: Any) -> dict[str, Any]:
    """Job `number`, created in that minute of an hour."""
    raw = job_object(uid(number), 1000 + number, name=f"job-{number}", namespace=namespace, **fields)
    raw["metadata"]["creationTimestamp"] = f"2026-11-20T11:{number if minute is None else minute:02}:00Z"
    return raw


@pytest.fixture(autouse=True)
def _without_the_usual_job(view: ClusterView) -> None:
    jobs = view.jobs_in("robots")
    assert jobs is not None
    jobs.discard(JOB_ID)


async def listed(http: httpx.AsyncClient, **query: Any) -> list[int]:
    """Numbers of the jobs on a page."""
    answer = await http.get(LIST, params=query)
    assert answer.status_code == 200, answer.text
    return [int(job["job_id"][-12:]) for job in answer.json()["jobs"]]


async def test_jobs_are_listed_newest_first(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, numbered(1), numbered(3), numbered(2))
    assert await listed(http) == [3, 2, 1]


async def test_entry_has_fields_of_table(http: httpx.AsyncClient, view: ClusterView) -> None:
    status = {
        "state": "failed",
        "currentPhase": "resolve",
        "progress": {"percent": 0},
        "conditions": [
            {
                "type": "Failed",
                "status": "True",
                "reason": "SourceNotFound",
                "message": "not on the hub: check dataset_id",
                "lastTransitionTime": "2026-11-20T11:05:00Z",
            }
        ],
        "completedAt": "2026-11-20T11:05:00Z",
    }
    put(view, numbered(1, spec={"displayName": "Pick & Place"}, status=status))
    (job,) = (await http.get(LIST)).json()["jobs"]
    assert job == {
        "job_id": uid(1),
        "name": "Pick & Place",
        "project_id": PROJECT_ID,
        "dataset_id": "lerobot/pusht",
        "augmentation_type": "deterministic",
        "status": "failed",
        "current_phase": "resolve",
        "percent": 0,
        "node": None,
        "instance_type": None,
        "queue_position": None,
        "error": "not on the hub: check dataset_id",
        "augmented_dataset_id": None,
        "created_at": "2026-11-20T11:01:00Z",
        "started_at": None,
        "finished_at": "2026-11-20T11:05:00Z",
    }


async def test_key_lists_only_its_own_namespace_and_projects(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(
        view,
        numbered(1),
        numbered(2, spec={"projectID": OTHER_PROJECT}),
        numbered(3, spec={"projectID": None}),
        numbered(4, namespace="elsewhere"),
    )
    assert await listed(http) == [3, 2, 1]
    for key, numbers in {"project": [1], "other-project": [2], "other-namespace": [4]}.items():
        http.headers["x-api-key"] = key
        assert await listed(http) == numbers
    http.headers["x-api-key"] = "writer"
    assert (await http.get(LIST)).status_code == 403


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"status": "running"}, [2]),
        ({"status": ["queued", "running"]}, [2, 1]),
        ({"project_id": OTHER_PROJECT}, [3]),
        ({"dataset_id": "me/other"}, [4]),
        ({"name": "PLACE"}, [4, 2]),
        ({"name": "job-1"}, [1]),
        ({"name": "place", "status": "running"}, [2]),
        ({"status": "cancelled"}, []),
    ],
)
async def test_filters_limit_list(
    http: httpx.AsyncClient, view: ClusterView, query: dict[str, Any], numbers: list[int]
) -> None:
    put(
        view,
        numbered(1),
        numbered(2, spec={"displayName": "Pick & Place"}, status={"state": "running"}),
        numbered(3, spec={"projectID": OTHER_PROJECT}, status={"state": "failed"}),
        numbered(
            4, spec={"displayName": "place", "source": {"hub": {"repoID": "me/other"}}}, status={"state": "failed"}
        ),
    )
    assert await listed(http, **query) == numbers


@pytest.mark.parametrize(
    ("sort", "numbers"),
    [
        ("created_at", [1, 2, 3]),
        ("-created_at", [3, 2, 1]),
        ("name", [2, 1, 3]),
        ("-name", [3, 1, 2]),
        ("dataset_id", [3, 1, 2]),
        ("-dataset_id", [2, 1, 3]),
    ],
)
async def test_list_is_sorted_on_request(
    http: httpx.AsyncClient, view: ClusterView, sort: str, numbers: list[int]
) -> None:
    for number, name, dataset in ((1, "b", "o/b"), (2, "A", "o/c"), (3, "c", "o/a")):
        put(view, numbered(number, spec={"displayName": name, "source": {"hub": {"repoID": dataset}}}))
    assert await listed(http, sort=sort) == numbers


@pytest.mark.parametrize("sort", ["-created_at", "created_at", "name", "-name"])
async def test_pages_cover_list_even_with_equal_creation_times(
    http: httpx.AsyncClient, view: ClusterView, sort: str
) -> None:
    put(view, *(numbered(number, minute=0, spec={"displayName": "same"}) for number in range(7)))
    pages: list[list[int]] = []
    query: dict[str, Any] = {"sort": sort, "limit": 3}
    while True:
        answer = (await http.get(LIST, params=query)).json()
        assert answer["total"] == 7
        pages.append([int(job["job_id"][-12:]) for job in answer["jobs"]])
        if answer["next_cursor"] is None:
            break
        query["cursor"] = answer["next_cursor"]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [number for page in pages for number in page] == await listed(http, sort=sort)


async def test_cursor_is_stable_while_jobs_are_created_and_deleted(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, *(numbered(number) for number in range(1, 7)))
    first = (await http.get(LIST, params={"limit": 3})).json()
    assert [job["job_id"] for job in first["jobs"]] == [uid(6), uid(5), uid(4)]
    jobs = view.jobs_in("robots")
    assert jobs is not None
    put(view, numbered(9))
    jobs.apply(event("DELETED", numbered(4)))
    jobs.apply(event("DELETED", numbered(6)))
    assert await listed(http, limit=3, cursor=first["next_cursor"]) == [3, 2, 1]


@pytest.mark.parametrize(
    ("query", "place", "sentence"),
    [
        ({"limit": 0}, "limit", 'limit is "0", but has to be at least 1'),
        ({"limit": 201}, "limit", 'limit is "201", but may be at most 200'),
        ({"sort": "status"}, "sort", 'sort is "status", but has to be -created_at, created_at'),
        ({"status": "done"}, "status", 'status.0 is "done", but has to be queued, running'),
        ({"dataset": "a/b"}, "dataset", "dataset is not a field of this request: did you mean dataset_id?"),
        ({"cursor": "abc"}, "cursor", "cursor is no cursor: take it unchanged"),
        ({"cursor": "bnVsbA"}, "cursor", "cursor is no cursor: take it unchanged"),
    ],
)
async def test_invalid_query_is_422_with_reason(
    http: httpx.AsyncClient, query: dict[str, Any], place: str, sentence: str
) -> None:
    answer = await http.get(LIST, params=query)
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem["loc"][:2] == ["query", place]
    assert problem["msg"].startswith(sentence)


@pytest.mark.parametrize("other", [{"sort": "name"}, {"status": "failed"}])
async def test_cursor_with_another_sort_or_filter_is_rejected(
    http: httpx.AsyncClient, view: ClusterView, other: dict[str, str]
) -> None:
    put(view, numbered(1), numbered(2))
    cursor = (await http.get(LIST, params={"limit": 1})).json()["next_cursor"]
    answer = await http.get(LIST, params={"limit": 1, "cursor": cursor, **other})
    assert answer.status_code == 422
    assert "another sort or other filters" in answer.json()["detail"][0]["msg"]


async def test_list_before_first_sync_is_503(http: httpx.AsyncClient, view: ClusterView) -> None:
    view.classes.synced = False
    assert (await http.get(LIST)).status_code == 503


async def test_list_without_jobs_is_empty(http: httpx.AsyncClient) -> None:
    assert await listed(http) == []


async def test_list_reports_data_age_while_watch_is_disconnected(http: httpx.AsyncClient) -> None:
    assert (await http.get(LIST)).headers["x-cache-age"].isdecimal()


async def test_q_searches_all_identifying_fields(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(
        view,
        numbered(1, spec={"displayName": "Night shift"}),
        numbered(2, spec={"source": {"hub": {"repoID": "lab/kitchen"}}}),
        numbered(3, status={"state": "running", "placement": {"node": "gpu-17"}}),
    )
    assert await listed(http, q="SHIFT") == [1]
    assert await listed(http, q="lab/kit") == [2]
    assert await listed(http, q="gpu-1") == [3]
    assert await listed(http, q=uid(2)[-8:]) == [2]
    assert await listed(http, q="nowhere") == []


async def test_counts_cover_every_state_whatever_filter(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, *(numbered(n, status={"state": "failed"}) for n in (1, 2)), numbered(3), numbered(4, namespace="x"))
    page = (await http.get(LIST, params={"status": "queued"})).json()
    assert page["counts"] == {"queued": 1, "running": 0, "completed": 0, "failed": 2, "cancelled": 0}
    assert page["total"] == 1
    assert (await http.get(LIST, params={"q": "job-1"})).json()["counts"]["failed"] == 1


async def test_unchanged_page_is_304(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, numbered(1))
    first = await http.get(LIST)
    had = {"if-none-match": first.headers["etag"]}
    second = await http.get(LIST, headers=had)
    assert (second.status_code, second.content) == (304, b"")
    put(view, numbered(2))
    changed = await http.get(LIST, headers=had)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]
