"""A worker that was taken over writes into the status what it likes: it spoils its own result and nothing else."""

from typing import Any

import pytest

from augmentation_api import FailureReason, PhaseName, State
from augmentation_api.status import MAX_COUNT
from augmentation_operator.reconcile.decision import operator_part
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster


def lying_in(phase: PhaseName, **spec: Any) -> SimulatedCluster:
    """A job of which a pod runs that has reported a published result."""
    cluster = SimulatedCluster(**spec)
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()
    cluster.report_output()
    cluster.settle()
    return cluster


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT])
def test_a_result_that_is_reported_before_it_can_be_there_completes_nothing(phase: PhaseName) -> None:
    assert lying_in(phase).status.state == State.RUNNING


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_a_cancel_comes_before_what_a_worker_says(phase: PhaseName) -> None:
    cluster = lying_in(phase)
    cluster.change(cancel=True)
    cluster.settle()
    cluster.pass_time(60)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.CANCELLED
    assert not cluster.running_pods


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_the_deadline_comes_before_what_a_worker_says(phase: PhaseName) -> None:
    cluster = lying_in(phase, activeDeadlineSeconds=600)
    cluster.pass_time(600)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    failed = cluster.status.condition("Failed")
    assert failed is not None
    assert failed.reason == FailureReason.DEADLINE_EXCEEDED
    assert not cluster.running_pods


def test_a_deadline_while_publishing_says_what_may_be_there() -> None:
    cluster = lying_in(PUBLISH, activeDeadlineSeconds=600)
    cluster.pass_time(600)
    cluster.settle()
    assert "reported commit beef" in (cluster.status.message or "")


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_a_suspended_job_stays_suspended(phase: PhaseName) -> None:
    cluster = lying_in(phase)
    cluster.change(suspend=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    assert cluster.status.message == "suspended: set spec.suspend to false to resume it"


def test_source_removed_from_the_status_fails_the_job_not_the_operator() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.report_source()
    cluster.succeed_pod(RESOLVE)
    while not cluster.status.has_completed(RESOLVE):
        cluster.reconcile()
    cluster.lose_status("shardCount", "source")
    cluster.settle()
    assert cluster.status.state == State.FAILED
    assert "status.source is missing or cannot be read" in (cluster.status.message or "")


@pytest.mark.parametrize(
    "entry",
    [
        {"framesPerSecond": 1e-300},
        {"framesPerSecond": 5e-324},
        {"framesPerSecond": 1e9},
        {"framesPerSecond": 1e308},
        {"frames": {"total": MAX_COUNT, "done": MAX_COUNT, "failed": MAX_COUNT}},
        {"bytes": {"total": 4 * 10**18}},
        {"updatedAt": "0001-01-01T00:00:00+23:00"},
    ],
)
def test_what_a_shard_claims_to_have_done_can_be_written(entry: dict[str, Any]) -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    for index in range(2):
        cluster.report_shard(index, state="running", **entry)
    cluster.settle()
    progress = operator_part(cluster.status)["progress"]
    for tally in (progress["episodes"], progress["frames"], progress["bytes"]):
        assert all(0 <= count <= MAX_COUNT for count in tally.values())
    assert progress.get("framesPerSecond", 0) <= 1e9
