"""A pod that Kubernetes preempts or evicts is no failure: it is counted, reported and replaced."""

from typing import Any

import pytest

from augmentation_api import FailureReason, PhaseName, State
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster


def running_in(phase: PhaseName, **spec: Any) -> SimulatedCluster:
    cluster = SimulatedCluster(**spec)
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()
    return cluster


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_a_preempted_pod_is_counted_and_started_again(phase: PhaseName) -> None:
    cluster = running_in(phase, backoffLimitPerShard=0)
    cluster.preempt_pod(phase)
    cluster.settle()
    assert (cluster.status.preemption_count, cluster.status.retry_count) == (1, 0)
    assert cluster.status.state == State.RUNNING
    assert cluster.pod_of(phase)
    assert "was disrupted (PreemptionByScheduler): a pod of higher priority needs its place" in (
        cluster.status.message or ""
    )


def test_a_pod_that_is_about_to_be_taken_away_is_counted_once() -> None:
    cluster = running_in(AUGMENT)
    pod = cluster.pod_of(AUGMENT)
    pod.change(conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}])
    cluster.settle()
    assert cluster.status.preemption_count == 1
    cluster.preempt_pod(AUGMENT, reason="EvictionByEvictionAPI")
    cluster.settle()
    cluster.settle()
    assert cluster.status.preemption_count == 1


def test_a_kill_before_the_count_is_written_counts_once() -> None:
    cluster = running_in(AUGMENT)
    cluster.preempt_pod(AUGMENT)
    cluster.reconcile_and_die()
    cluster.settle()
    assert cluster.status.preemption_count == 1


def test_more_preemptions_than_events_are_kept_are_all_counted_once() -> None:
    cluster = running_in(AUGMENT)
    for number in range(25):
        cluster.pass_time(5)
        if number:
            cluster.start_pod(AUGMENT)
        cluster.preempt_pod(AUGMENT)
        cluster.settle()
    assert cluster.status.preemption_count == 25
    cluster.settle()
    assert cluster.status.preemption_count == 25


def test_preempted_pod_that_had_succeeded_is_not_counted() -> None:
    cluster = running_in(AUGMENT)
    taken = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaint"}
    cluster.pod_of(AUGMENT).change(conditions=[taken])
    cluster.succeed_pod(AUGMENT)
    cluster.settle()
    assert cluster.status.preemption_count is None


def test_failure_quotes_the_failed_pod_not_a_preempted_one() -> None:
    cluster = running_in(AUGMENT, backoffLimitPerShard=0)
    cluster.start_pod(AUGMENT, 1)
    cluster.fail_pod(AUGMENT, index=1, failure=FailureReason.HUB_UNAVAILABLE, message="the hub answered 503")
    cluster.pass_time(5)
    gone = cluster.copy_pod(cluster.pods[-1], "gone")
    gone.change(conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaint"}])
    cluster.settle()
    assert cluster.status.message == "augment failed: the hub answered 503"


def test_preemptions_of_all_attempts_are_counted_together() -> None:
    cluster = running_in(AUGMENT)
    cluster.preempt_pod(AUGMENT)
    cluster.settle()
    cluster.start_pod(AUGMENT)
    cluster.fail_pod(AUGMENT, failure=FailureReason.SOURCE_INVALID, message="no")
    cluster.settle()
    cluster.retry()
    cluster.settle()
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.preempt_pod(AUGMENT)
    cluster.settle()
    assert cluster.status.preemption_count == 2
