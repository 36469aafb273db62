"""A pod that fails for a passing reason is shown and tried again; it does not fail the job."""

import pytest

from augmentation_api import FailureReason, PhaseName, PhaseStatus, State
from augmentation_api.status import PhaseEvent
from augmentation_operator.reconcile.decision import operator_part
from augmentation_operator.reconcile.phase_events import OPERATOR_EVENT
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster


def operator_events(cluster: SimulatedCluster, phase: PhaseName) -> list[PhaseEvent]:
    return [event for event in cluster.status.phase(phase).events if event.id.startswith(OPERATOR_EVENT)]


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_transient_failure_is_an_event_and_a_retry_and_fails_nothing(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()
    cluster.fail_pod(phase, failure=FailureReason.HUB_UNAVAILABLE, message="the hub answered 503")
    cluster.settle()
    (event,) = operator_events(cluster, phase)
    assert (event.status, event.error) == ("retrying", "the hub answered 503")
    assert cluster.status.retry_count == 1
    assert cluster.status.state == State.RUNNING
    assert cluster.phase_status(phase) == PhaseStatus.IN_PROGRESS
    assert cluster.status.message == f"{phase}: retrying after: the hub answered 503"


def test_an_event_has_the_time_of_what_happened() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.pass_time(5)
    cluster.fail_pod(RESOLVE)
    failed_at = cluster.now
    cluster.pass_time(30)
    cluster.settle()
    assert operator_events(cluster, RESOLVE)[0].timestamp == failed_at


def test_a_retry_that_succeeds_completes_the_phase_and_stays_in_the_history() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.fail_pod(RESOLVE, exit_code=1)
    cluster.settle()
    cluster.finish_resolve()
    assert cluster.phase_status(RESOLVE) == PhaseStatus.COMPLETED
    assert cluster.status.phase(RESOLVE).error is None
    assert len(operator_events(cluster, RESOLVE)) == 1
    assert cluster.status.retry_count == 1


def test_a_worker_that_has_news_after_a_retry_ends_the_talk_of_it() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.fail_pod(AUGMENT, exit_code=137)
    cluster.settle()
    assert "retrying" in (cluster.status.message or "")
    cluster.pass_time(10)
    cluster.start_pod(AUGMENT)
    cluster.report_event(AUGMENT, status="started", message="shard 0 goes on")
    cluster.settle()
    assert cluster.status.message == "augmenting"


def test_a_retry_that_waits_for_a_node_says_so() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.fail_pod(RESOLVE)
    cluster.wait_for_node(RESOLVE, "0/3 nodes are available")
    cluster.settle()
    assert cluster.status.message == "waiting for a node: 0/3 nodes are available"


def test_the_retries_of_all_phases_are_counted_together() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.fail_pod(RESOLVE)
    cluster.settle()
    cluster.finish_resolve()
    for index in (0, 1):
        cluster.start_pod(AUGMENT, index)
        cluster.fail_pod(AUGMENT, index=index)
    cluster.settle()
    assert cluster.status.retry_count == 3


def test_the_failure_that_ends_a_job_is_no_retry() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.fail_pod(RESOLVE, failure=FailureReason.SOURCE_NOT_FOUND, message="no such dataset")
    cluster.settle()
    assert cluster.status.retry_count == 0


def test_of_many_failures_the_newest_ten_are_kept_as_events() -> None:
    cluster = SimulatedCluster(backoffLimitPerShard=20)
    cluster.reach(AUGMENT)
    for number in range(15):
        cluster.pass_time(10)
        cluster.start_pod(AUGMENT)
        cluster.fail_pod(AUGMENT, message=f"failure {number}")
        cluster.settle()
    errors = [event.error or "" for event in operator_events(cluster, AUGMENT)]
    assert [error.rsplit("failure ", 1)[-1] for error in errors] == [str(number) for number in range(5, 15)]


def test_many_failures_at_once_are_written_once() -> None:
    # A node with eight shards dies, twice: more failed pods stand there than events are kept.
    cluster = SimulatedCluster(parallelism=8)
    cluster.reach(AUGMENT)
    for _ in range(2):
        for index in range(8):
            cluster.start_pod(AUGMENT, index)
            cluster.fail_pod(AUGMENT, exit_code=137, index=index)
    cluster.settle()
    assert len(operator_events(cluster, AUGMENT)) == 10


def test_the_workers_own_events_are_left_alone() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.report_event(RESOLVE, status="started", message="reading meta/info.json")
    cluster.start_pod(RESOLVE)
    cluster.fail_pod(RESOLVE)
    cluster.settle()
    assert all(
        event["id"].startswith(OPERATOR_EVENT)
        for phase in operator_part(cluster.status)["phases"]
        for event in phase["events"]
    )
    assert [event.status for event in cluster.status.phase(RESOLVE).events] == ["started", "retrying"]
