"""The thread that writes a pod's part of the status."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from augmentation_api import AugmentationJob, FailureReason, PhaseName
from augmentation_api.status import MAX_SHARDS, Shard
from augmentation_worker.cluster.connection import ApiServerUnavailable
from augmentation_worker.cluster.report import Report, Share
from augmentation_worker.cluster.reporter import Reporter, first_write_after, interval_for
from augmentation_worker.failure import WorkerFailure


class Recorded:
    """A job that keeps what is applied to it, and fails as `answer` does."""

    def __init__(self, answer: Callable[[int], object] = lambda number: None) -> None:
        self.applied: list[dict[str, Any]] = []
        self.calls = 0
        self._answer = answer

    def read(self) -> AugmentationJob:
        raise NotImplementedError

    def apply_status(self, field_manager: str, status: Any) -> None:
        self.calls += 1
        self._answer(self.calls)
        self.applied.append(status)


def reporter_on(job: Recorded, *, interval: float = 0.01, retry_seconds: float = 5.0) -> Reporter:
    report = Report(field_manager="augmentation-worker-shard-0", phase=PhaseName.AUGMENT, share=Share(50, 200 * 1024))
    return Reporter(job, report, interval=interval, retry_seconds=retry_seconds)


def test_many_changes_make_few_writes_and_the_last_state_is_written() -> None:
    job = Recorded()
    reporter = reporter_on(job, interval=0.05)
    for number in range(200):
        reporter.set_shard(Shard(index=0, attempt=number))
        time.sleep(0.001)
    reporter.close(60)
    assert len(job.applied) < 20
    assert job.applied[-1]["shards"][0]["attempt"] == 199


def test_adding_an_event_never_waits_for_the_api_server() -> None:
    held = threading.Event()
    reporter = reporter_on(Recorded(lambda number: held.wait(60)))
    begin = time.monotonic()
    for _ in range(100):
        reporter.event("progress", "still here")
    assert time.monotonic() - begin < 30
    held.set()
    reporter.close(60)


def test_transient_failures_are_retried() -> None:
    def fails_twice(number: int) -> None:
        if number <= 2:
            raise ApiServerUnavailable("overloaded")

    job = Recorded(fails_twice)
    reporter = reporter_on(job)
    reporter.event("started", "go")
    reporter.close(60)
    assert len(job.applied) == 1


def always_unavailable(number: int) -> None:
    raise ApiServerUnavailable("overloaded")


def test_an_api_server_that_stays_unavailable_fails_the_shard() -> None:
    reporter = reporter_on(Recorded(always_unavailable), retry_seconds=0.05)
    reporter.event("started", "go")
    deadline = time.monotonic() + 60
    with pytest.raises(WorkerFailure) as caught:
        while time.monotonic() < deadline:
            reporter.check()
            time.sleep(0.01)
    assert caught.value.reason is FailureReason.KUBERNETES_UNAVAILABLE


def test_closing_fails_in_time_if_the_last_report_cannot_be_written() -> None:
    reporter = reporter_on(Recorded(always_unavailable), retry_seconds=1.0)
    reporter.event("completed", "done")
    with pytest.raises(WorkerFailure):
        reporter.close(0.3)


def test_a_permanent_failure_ends_the_shard_at_once() -> None:
    def refused(number: int) -> None:
        raise WorkerFailure(FailureReason.INTERNAL_ERROR, "forbidden")

    reporter = reporter_on(Recorded(refused))
    reporter.event("started", "go")
    with pytest.raises(WorkerFailure, match="forbidden"):
        reporter.close(60)


def test_a_few_shards_write_every_two_seconds() -> None:
    assert interval_for(1) == interval_for(8) == 2.0


@pytest.mark.parametrize("shards", [16, 50, MAX_SHARDS])
def test_all_shards_of_a_job_together_write_at_most_four_times_a_second(shards: int) -> None:
    assert shards / interval_for(shards) <= 4


@pytest.mark.parametrize("shards", [9, 16, MAX_SHARDS])
def test_shards_that_start_together_write_at_most_four_times_a_second_from_the_start(shards: int) -> None:
    interval = interval_for(shards)
    times = sorted(first_write_after(shard, shards) + n * interval for shard in range(shards) for n in range(4))
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[4:], strict=False))


def test_first_write_waits_for_its_turn_and_not_once_the_pod_ends() -> None:
    job = Recorded()
    report = Report(field_manager="augmentation-worker-shard-9", phase=PhaseName.AUGMENT, share=Share(50, 200 * 1024))
    reporter = Reporter(job, report, interval=0.01, first_after=60)
    reporter.event("started", "go")
    time.sleep(0.05)
    assert not job.applied
    reporter.close(60)
    assert len(job.applied) == 1
