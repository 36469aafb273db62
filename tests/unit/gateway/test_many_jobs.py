"""Lists of thousands of jobs: latency of other requests, and bounded memory."""

import asyncio
import json
import tracemalloc

import httpx
import pytest

from augmentation_gateway.cache import records
from augmentation_gateway.cache.bounded import ByteBudget, LruCache
from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.cache.records import MAX_STATUSES
from augmentation_gateway.jobs import entries
from augmentation_gateway.jobs.entries import slices
from augmentation_gateway.jobs.query import TopK
from tests.unit.gateway.job_objects import job_object, listing

JOBS = 1500
AT = "2026-11-20T10:00:00Z"


def numbered(number: int) -> dict[str, object]:
    phases = [{"name": "resolve", "events": [{"id": f"e{n}", "status": "x", "timestamp": AT} for n in range(10)]}]
    queue = {"position": JOBS - number, "depth": JOBS}
    status = {"state": "queued", "currentPhase": "provision", "phases": phases, "queue": queue}
    raw = json.loads(json.dumps(job_object(version=300 + number, name=f"job-{number}", status=status)))
    raw["metadata"]["uid"] = f"00000000-0000-4000-8000-{number:012}"
    return raw  # type: ignore[no-any-return]


@pytest.fixture
def many(view: ClusterView) -> ClusterView:
    jobs = view.jobs_in("robots")
    assert jobs is not None
    jobs.replace(listing(*(numbered(number) for number in range(JOBS)), version=5000))
    return view


LISTS = (
    "/v1/augmentation?q=job&limit=200",
    "/v1/augmentation?status=queued&sort=name",
    "/jobs?status=queued&limit=200",
    "/api/v2/status/?limit=1000",
    "/v0.5/batch/jobs?status=PENDING&limit=200",
    "/v0.5/batch/jobs/queue",
    "/v1/jobs/list?sort=updated&limit=100",
    "/v1/datasets/list",
    "/v1/projects/list",
)


@pytest.mark.parametrize("path", LISTS)
async def test_other_requests_are_served_while_list_is_built(
    http: httpx.AsyncClient, many: ClusterView, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(entries, "SLICE_SECONDS", 0.0)
    others = 0

    async def other() -> None:
        nonlocal others
        while True:
            await asyncio.sleep(0)
            others += 1

    background = asyncio.create_task(other())
    answer = await http.get(path)
    background.cancel()
    assert answer.status_code == 200
    # Far more than the awaits of any single request.
    assert others >= JOBS / entries.SLICE_ITEMS - 1


async def test_reading_every_job_caches_few_parsed_ones(http: httpx.AsyncClient, many: ClusterView) -> None:
    for path in LISTS:
        await http.get(path)
    cursor: str | None = None
    while True:
        body = (
            await http.get("/v1/augmentation", params={"limit": 200, **({"cursor": cursor} if cursor else {})})
        ).json()
        if (cursor := body["next_cursor"]) is None:
            break
    assert len(records._statuses) <= MAX_STATUSES


async def test_long_queue_is_shown_from_its_front(http: httpx.AsyncClient, many: ClusterView) -> None:
    body = (await http.get("/v0.5/batch/jobs/queue")).json()
    assert body["depth"] == JOBS
    assert [entry["position"] for entry in body["queue"]] == list(range(1, 1001))


def test_least_recently_used_value_is_evicted() -> None:
    recent: LruCache[list[int], str] = LruCache(2)
    owners = [[1], [1], [1]]
    recent.put(owners[0], "a")
    recent.put(owners[1], "b")
    assert recent.get(owners[0]) == "a"
    recent.put(owners[2], "c")
    assert [recent.get(owner) for owner in owners] == ["a", None, "c"]


def test_newest_encoded_views_are_kept_within_byte_limit() -> None:
    budget, owners = ByteBudget(100), [dict[str, tuple[int, bytes]]() for _ in range(30)]
    for owner in owners:
        budget.put(owner, "view", (0, b"x" * 10))
    assert sum("view" in owner for owner in owners) == 10
    assert "view" in owners[-1]


def test_replacement_stays_when_older_entry_is_evicted() -> None:
    budget, owner = ByteBudget(25), dict[str, tuple[int, bytes]]()
    budget.put(owner, "view", (0, b"x" * 10))
    budget.put(owner, "view", (1, b"y" * 10))
    budget.put({}, "view", (0, b"z" * 10))
    assert owner == {"view": (1, b"y" * 10)}


async def test_slices_preserve_content_and_order() -> None:
    assert [item async for turn in slices(list(range(123)), 10) for item in turn] == list(range(123))


@pytest.mark.parametrize("descending", [False, True])
def test_top_k_holds_at_most_twice_its_limit(descending: bool) -> None:
    numbers = [(7919 * number) % 10007 for number in range(10007)]
    first = TopK[int](5, lambda number: number, descending=descending)
    for number in numbers:
        first.add([number])
        assert len(first._items) <= 10
    assert first.in_order() == sorted(numbers, reverse=descending)[:5]


async def test_page_uses_memory_of_one_page(http: httpx.AsyncClient, many: ClusterView) -> None:
    await http.get("/v1/augmentation?limit=1")
    tracemalloc.start()
    try:
        await http.get("/v1/augmentation?limit=1&sort=name")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A sort key per job alone would take more.
    assert peak < JOBS * 100
