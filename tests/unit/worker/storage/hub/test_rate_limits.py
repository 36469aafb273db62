"""Rate limits of a hub: requests are held back in time, per bucket, and a refused one waits as long as it is told."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from heapq import heappop, heappush

import httpx2
import pytest

from augmentation_worker.storage.hub.destinations import Destinations
from augmentation_worker.storage.hub.rate_limits import RateLimits, asked_wait, read_limits, window_of
from augmentation_worker.storage.hub.retry_budget import HubUnreachable, RetryBudget, RetryingTransport
from tests.waits import record_waits

HUB = "https://hub.example"
POLICY = '"fixed window";"{}";q=1000;w=300'


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


def told(remaining: int, seconds: int, bucket: str = "api", status: int = 200) -> httpx2.Response:
    headers = {"RateLimit": f'"{bucket}";r={remaining};t={seconds}', "RateLimit-Policy": POLICY.format(bucket)}
    return httpx2.Response(status, headers=headers)


def limited(answer: Callable[[httpx2.Request], httpx2.Response], clock: Clock, shards: int = 1) -> RateLimits:
    inner, hub = httpx2.MockTransport(answer), Destinations(HUB)
    return RateLimits(inner, hub, shards, lambda sentence: None, clock=lambda: clock.now, sleep=clock.sleep)


def client(answer: Callable[[httpx2.Request], httpx2.Response], clock: Clock, shards: int = 1) -> httpx2.Client:
    return httpx2.Client(transport=limited(answer, clock, shards))


@pytest.mark.parametrize(
    ("left", "shards", "waits"), [(1, 1, True), (2, 1, False), (100, 100, True), (101, 100, False)]
)
def test_one_request_is_left_for_each_shard(left: int, shards: int, waits: bool) -> None:
    clock = Clock()
    with client(lambda request: told(left, 120), clock, shards) as hub:
        hub.get(f"{HUB}/api/datasets/lab/pusht")
        hub.get(f"{HUB}/api/datasets/lab/pusht/refs")
    assert clock.slept == ([121.0] if waits else [])


def test_buckets_are_told_apart() -> None:
    clock = Clock()
    with client(lambda request: told(0, 9, "resolvers" if "/resolve/" in request.url.path else "api"), clock) as hub:
        hub.get(f"{HUB}/datasets/lab/pusht/resolve/main/a")
        hub.get(f"{HUB}/api/datasets/lab/pusht")
        assert clock.slept == []
        hub.get(f"{HUB}/datasets/lab/pusht/resolve/main/b")
    assert clock.slept == [10.0]


def test_storage_of_another_host_is_not_limited() -> None:
    clock = Clock()
    with client(lambda request: told(0, 9), clock) as hub:
        for _ in range(3):
            hub.put("https://storage.example/api/blob")
    assert clock.slept == []


class Server:
    """A hub with a quota of 1,000 API requests in fixed windows of 300 s, as of a free user of Hugging Face."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def answer(self, now: float) -> httpx2.Response:
        window = int(now // 300)
        self.counts[window] += 1
        left = 1000 - self.counts[window]
        return told(max(left, 0), math.ceil((window + 1) * 300 - now), status=200 if left >= 0 else 429)


def test_hundred_shards_with_ten_thousand_files_stay_below_the_quota_of_every_window() -> None:
    """Each uploads 100 files by two requests each; each of 0.2 s, all at the same time."""
    server, clocks = Server(), [Clock() for _ in range(100)]
    shards = [limited(lambda _, clock=clock: server.answer(clock.now), clock, 100) for clock in clocks]  # type: ignore[misc]
    batch = httpx2.Request("POST", f"{HUB}/datasets/lab/a.git/info/lfs/objects/batch")
    waiting = [(0.0, number, 200) for number in range(100)]
    while waiting:
        _, number, left = heappop(waiting)
        clocks[number].now += 0.2
        assert shards[number].handle_request(batch).status_code == 200
        if left > 1:
            heappush(waiting, (clocks[number].now, number, left - 1))
    assert sum(server.counts.values()) == 20_000
    assert max(server.counts.values()) <= 1000
    assert len(server.counts) <= 24, "the quota is used: twenty windows would do"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "17"}, 17.0),
        ({"Retry-After": "Mon, 30 Nov 2026 00:01:00 GMT"}, 60.0),
        ({"Retry-After": "Mon, 30 Nov 2026 00:00:00 GMT", "RateLimit": '"api";r=0;t=55'}, 56.0),
        ({"RateLimit": '"api";r=7;t=55'}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Mon, 30 Nov 99999999999999999999 00:00:00 GMT"}, None),
        ({"Retry-After": "9" * 400}, 999_999_999_999.0),
        ({"RateLimit": '"api";r=0;t=' + "9" * 400}, None),
        ({"RateLimit": '"api";r=0;t=' + "9" * 5000}, None),
        ({}, None),
    ],
)
def test_wait_that_an_answer_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    answer = httpx2.Response(429, headers=headers)
    assert asked_wait(answer, lambda: datetime(2026, 11, 30, tzinfo=UTC)) == seconds


def test_no_hub_says_of_a_window_that_it_lasts_for_days() -> None:
    answer = httpx2.Response(429, headers={"RateLimit": '"api";r=0;t=5', "RateLimit-Policy": '"api";q=9;w=864000'})
    assert window_of(read_limits(answer)) == 3600.0


@pytest.mark.parametrize(("seconds", "is_waited_for"), [(599, True), (900, False)])
def test_refused_request_waits_for_two_windows(
    monkeypatch: pytest.MonkeyPatch, seconds: int, is_waited_for: bool
) -> None:
    slept = record_waits(monkeypatch)
    answers = [told(0, seconds, status=429), told(999, 300)]
    transport = RetryingTransport(
        httpx2.MockTransport(lambda request: answers.pop(0)), RetryBudget(60.0, lambda number, problem: None)
    )
    with httpx2.Client(transport=transport) as hub:
        if is_waited_for:
            assert hub.get(f"{HUB}/api").status_code == 200
            assert slept == [seconds + 1]
        else:
            with pytest.raises(HubUnreachable, match="429"):
                hub.get(f"{HUB}/api")


@pytest.mark.parametrize(
    "headers",
    [
        {"RateLimit": f'"api";r=0;t={"9" * 400}'},
        {"RateLimit": f'"api";r={"9" * 5000};t=5'},
        {"RateLimit": '"api";r=0;t=5', "RateLimit-Policy": f'"fixed window";"api";q={"9" * 400};w=300'},
        {"RateLimit": '"api";r=0;t=-5'},
        {"Retry-After": "Mon, 01 Jan 2024 00:00:00 +99999999999999999999"},
        {"Retry-After": "NaN"},
        {"Retry-After": "-1"},
    ],
)
def test_headers_that_cannot_be_true_are_ignored(headers: dict[str, str]) -> None:
    clock = Clock()
    assert asked_wait(httpx2.Response(429, headers=headers)) is None
    with client(lambda request: httpx2.Response(200, headers=headers), clock) as hub:
        assert [hub.get(f"{HUB}/api/a").status_code for _ in range(2)] == [200, 200]
    assert clock.slept == []


def test_two_threads_may_wait_for_the_same_window() -> None:
    clock = Clock()
    with client(lambda request: told(0, 9), clock) as hub:
        hub.get(f"{HUB}/api/a")
        limits = hub._transport

        def reading() -> float:
            limits._windows.clear()  # type: ignore[attr-defined]  # what the other thread does meanwhile
            return clock.now

        limits._clock = reading  # type: ignore[attr-defined]
        assert hub.get(f"{HUB}/api/a").status_code == 200
    assert clock.slept == [10.0]
