"""activeDeadlineSeconds and ttlSecondsAfterFinished."""

import pytest

from augmentation_api import ConditionType, FailureReason, PhaseName, PhaseStatus, State
from tests.unit.operator.simulated_cluster import AUGMENT, PROVISION, PUBLISH, RESOLVE, SimulatedCluster

LIMIT = 3600


def running_in(phase: PhaseName) -> SimulatedCluster:
    """A job with a deadline; its first pod started at the very beginning."""
    cluster = SimulatedCluster(activeDeadlineSeconds=LIMIT)
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.settle()
    if phase != RESOLVE:
        cluster.report_source()
        cluster.succeed_pod(RESOLVE)
        cluster.settle()
        if phase == PUBLISH:
            cluster.finish_augment()
        cluster.start_pod(phase)
        cluster.settle()
    return cluster


def overrun(cluster: SimulatedCluster) -> None:
    started = cluster.status.started_at
    assert started is not None
    cluster.pass_time(LIMIT - (cluster.now - started).total_seconds())


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_a_job_that_runs_longer_than_it_may_fails_and_stops(phase: PhaseName) -> None:
    cluster = running_in(phase)
    overrun(cluster)
    cluster.settle()
    failed = cluster.status.condition(ConditionType.FAILED)
    assert cluster.status.state == State.FAILED
    assert failed is not None
    assert failed.reason == "DeadlineExceeded"
    assert f"spec.activeDeadlineSeconds ({LIMIT} s): raise it in a new job" in failed.message
    assert cluster.status.phase(phase).status == PhaseStatus.FAILED
    cluster.end_terminating_pods()
    assert not cluster.running_pods


def test_a_job_within_its_deadline_is_looked_at_again_when_it_ends() -> None:
    cluster = running_in(RESOLVE)
    cluster.pass_time(LIMIT - 3)
    cluster.settle()
    again = cluster.decide().requeue_after
    assert cluster.status.state == State.RUNNING
    assert again is not None
    assert again.total_seconds() == 3


def test_the_deadline_counts_from_when_the_first_pod_ran() -> None:
    cluster = SimulatedCluster(activeDeadlineSeconds=LIMIT)
    cluster.settle()
    cluster.pass_time(10 * LIMIT)
    cluster.settle()
    assert cluster.status.state == State.QUEUED


def test_the_wait_for_a_node_counts_towards_the_deadline() -> None:
    cluster = running_in(RESOLVE)
    cluster.report_source()
    cluster.succeed_pod(RESOLVE)
    cluster.settle()
    cluster.wait_for_node(AUGMENT)
    overrun(cluster)
    cluster.settle()
    assert cluster.status.state == State.FAILED
    assert cluster.status.phase(PROVISION).status == PhaseStatus.FAILED


def test_a_suspended_job_does_not_run_into_its_deadline() -> None:
    cluster = running_in(AUGMENT)
    cluster.change(suspend=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.pass_time(10 * LIMIT)
    cluster.settle()
    assert cluster.status.state == State.RUNNING


def test_deadline_restarts_when_a_job_is_resumed_as_for_a_batch_job() -> None:
    cluster = running_in(AUGMENT)
    cluster.change(suspend=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.pass_time(10 * LIMIT)
    cluster.change(suspend=False)
    cluster.settle()
    cluster.pass_time(LIMIT - 1)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    cluster.pass_time(1)
    cluster.settle()
    assert cluster.status.state == State.FAILED


def test_result_published_while_the_operator_was_down_is_not_late() -> None:
    cluster = running_in(PUBLISH)
    cluster.report_output()
    cluster.succeed_pod(PUBLISH)
    overrun(cluster)
    cluster.settle()
    assert cluster.status.state == State.COMPLETED


def test_a_finished_job_is_deleted_when_its_time_to_live_is_over() -> None:
    cluster = SimulatedCluster(ttlSecondsAfterFinished=60)
    cluster.complete()
    assert cluster.decide().requeue_after is not None
    cluster.pass_time(59)
    assert not cluster.decide().delete_resource
    cluster.pass_time(1)
    assert cluster.decide().delete_resource


def test_a_job_with_no_time_to_live_is_deleted_as_soon_as_it_has_finished() -> None:
    cluster = SimulatedCluster(ttlSecondsAfterFinished=0)
    cluster.complete()
    assert cluster.deleted


def test_a_job_without_a_time_to_live_is_kept() -> None:
    cluster = SimulatedCluster()
    cluster.complete()
    cluster.pass_time(10 * 365 * 24 * 3600)
    assert not cluster.decide().delete_resource


def test_failed_and_cancelled_jobs_are_deleted_too() -> None:
    failed = SimulatedCluster(ttlSecondsAfterFinished=60)
    failed.settle()
    failed.start_pod(RESOLVE)
    failed.fail_pod(RESOLVE, failure=FailureReason.SOURCE_NOT_FOUND, message="no such dataset")
    cancelled = SimulatedCluster(ttlSecondsAfterFinished=60, cancel=True)
    for cluster in (failed, cancelled):
        cluster.settle()
        assert not cluster.deleted
        cluster.pass_time(60)
        cluster.settle()
        assert cluster.deleted


def test_a_job_that_has_not_finished_is_never_deleted() -> None:
    cluster = SimulatedCluster(ttlSecondsAfterFinished=0)
    cluster.reach(AUGMENT)
    cluster.pass_time(3600)
    cluster.settle()
    assert not cluster.deleted
