"""Cancelling: for good, from any state, and never claimed while something still runs."""

import pytest

from augmentation_api import ConditionType, FailureReason, PhaseName, PhaseStatus, State
from augmentation_operator.reconcile.completion import REPORT_GRACE
from augmentation_operator.reconcile.lifecycle import CLASS_GRACE
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster

PHASES_WITH_PODS = [RESOLVE, AUGMENT, PUBLISH]


def running_in(phase: PhaseName) -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()
    return cluster


def test_a_job_that_has_not_begun_is_cancelled_at_once() -> None:
    cluster = SimulatedCluster(cancel=True)
    cluster.settle()
    assert cluster.status.state == State.CANCELLED
    assert not cluster.created_jobs


@pytest.mark.parametrize("phase", PHASES_WITH_PODS)
def test_a_pod_that_waits_is_stopped(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.change(cancel=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.CANCELLED
    assert not cluster.running_pods


@pytest.mark.parametrize("phase", PHASES_WITH_PODS)
def test_a_job_is_not_cancelled_while_a_pod_runs(phase: PhaseName) -> None:
    cluster = running_in(phase)
    cluster.change(cancel=True)
    cluster.settle()
    cluster.pass_time(600)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    assert cluster.status.message == "cancelling: waiting for the pods to stop"
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.CANCELLED


@pytest.mark.parametrize("phase", PHASES_WITH_PODS)
def test_a_cancelled_job_says_so_in_its_condition_its_phases_and_its_time(phase: PhaseName) -> None:
    cluster = running_in(phase)
    cluster.change(cancel=True)
    cluster.settle()
    cluster.pass_time(30)
    cluster.end_terminating_pods()
    cluster.settle()
    cancelled = cluster.status.condition(ConditionType.CANCELLED)
    assert cancelled is not None
    assert (cancelled.status, cancelled.reason) == ("True", "CancelledByUser")
    assert cluster.status.cancelled_at == cluster.now
    assert cluster.status.completed_at is None
    assert cluster.status.phase(phase).status == PhaseStatus.FAILED
    said = ": it was publishing the dataset: check whether a commit was made" if phase == PUBLISH else ""
    assert cluster.status.phase(phase).error == f"cancelled{said}"


def test_phases_that_were_over_before_a_cancel_stay_completed() -> None:
    cluster = running_in(AUGMENT)
    cluster.change(cancel=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.phase_status(RESOLVE) == PhaseStatus.COMPLETED
    assert cluster.phase_status(PUBLISH) == PhaseStatus.PENDING


def test_a_cancel_is_looked_after_until_the_pods_have_stopped() -> None:
    cluster = running_in(AUGMENT)
    cluster.change(cancel=True)
    assert cluster.reconcile() is not None


def test_a_job_that_waits_for_its_class_can_be_cancelled() -> None:
    cluster = SimulatedCluster(classes=())
    cluster.settle()
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.status.state == State.CANCELLED


def test_a_running_job_whose_class_is_gone_can_be_cancelled() -> None:
    cluster = running_in(AUGMENT)
    cluster.classes = ()
    cluster.pass_time(CLASS_GRACE.total_seconds())
    cluster.change(cancel=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.CANCELLED


def test_a_suspended_job_can_be_cancelled() -> None:
    cluster = running_in(AUGMENT)
    cluster.change(suspend=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.status.state == State.CANCELLED


def test_a_cancelled_job_begins_no_further_phase() -> None:
    cluster = running_in(RESOLVE)
    cluster.report_source()
    cluster.succeed_pod(RESOLVE)
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.status.state == State.CANCELLED
    assert not cluster.has_job(AUGMENT)


def test_a_cancel_that_comes_after_the_publication_completes_the_job() -> None:
    cluster = running_in(PUBLISH)
    cluster.report_output()
    cluster.succeed_pod(PUBLISH)
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.status.state == State.COMPLETED
    assert cluster.status.condition(ConditionType.CANCELLED) is None


def test_a_publish_pod_that_has_published_is_not_stopped_by_a_cancel() -> None:
    # It has said so, and only has to exit: to call this cancelled would deny a dataset that is there.
    cluster = running_in(PUBLISH)
    cluster.report_output()
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.has_job(PUBLISH)
    assert not cluster.pod_of(PUBLISH).terminating
    cluster.succeed_pod(PUBLISH)
    cluster.settle()
    assert cluster.status.state == State.COMPLETED


def test_a_publish_pod_that_has_reported_and_does_not_end_is_stopped_after_a_minute() -> None:
    cluster = running_in(PUBLISH)
    cluster.report_output()
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.decide().requeue_after is not None
    assert "waiting for the publish pod" in (cluster.status.message or "")
    cluster.pass_time(REPORT_GRACE.total_seconds())
    cluster.settle()
    assert not cluster.has_job(PUBLISH)
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.CANCELLED
    assert "reported commit beef of lab/kitchen_augmented" in (cluster.status.message or "")


def test_a_second_attempt_has_a_minute_of_its_own() -> None:
    cluster = running_in(PUBLISH)
    for _ in range(2):
        cluster.start_pod(PUBLISH)
        cluster.report_output()
        cluster.change(cancel=True)
        cluster.settle()
        assert cluster.has_job(PUBLISH)
        cluster.pass_time(REPORT_GRACE.total_seconds())
        cluster.settle()
        cluster.end_terminating_pods()
        cluster.settle()
        assert cluster.status.state == State.CANCELLED
        cluster.retry()
        cluster.settle()


def test_a_cancelled_job_that_was_publishing_does_not_claim_that_nothing_is_there() -> None:
    cluster = running_in(PUBLISH)
    cluster.change(cancel=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.message == "cancelled: it was publishing the dataset: check whether a commit was made"


def test_a_publication_whose_job_is_gone_is_made_again_and_finds_its_commit() -> None:
    cluster = running_in(PUBLISH)
    cluster.report_output()
    cluster.delete_job(PUBLISH)
    cluster.settle()
    assert cluster.has_job(PUBLISH)
    assert cluster.status.state == State.RUNNING


def test_a_report_whose_job_is_gone_does_not_keep_a_job_from_being_cancelled() -> None:
    cluster = running_in(PUBLISH)
    cluster.report_output()
    cluster.delete_job(PUBLISH)
    cluster.change(cancel=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.CANCELLED


def test_a_publication_that_is_not_reported_yet_is_waited_for_before_nothing_is_said_to_be_published() -> None:
    cluster = running_in(PUBLISH)
    cluster.succeed_pod(PUBLISH)
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    assert cluster.decide().requeue_after is not None
    cluster.report_output()
    cluster.settle()
    assert cluster.status.state == State.COMPLETED


def test_a_publication_that_is_never_reported_does_not_hold_up_a_cancel() -> None:
    cluster = running_in(PUBLISH)
    cluster.succeed_pod(PUBLISH)
    cluster.change(cancel=True)
    cluster.settle()
    cluster.pass_time(REPORT_GRACE.total_seconds() + 1)
    cluster.settle()
    assert cluster.status.state == State.CANCELLED


def test_a_completed_job_stays_completed_whatever_is_cancelled_later() -> None:
    cluster = SimulatedCluster()
    cluster.complete()
    before = cluster.status
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.status == before


def test_a_failed_job_stays_failed_whatever_is_cancelled_later() -> None:
    cluster = running_in(RESOLVE)
    cluster.fail_pod(RESOLVE, failure=FailureReason.SOURCE_NOT_FOUND, message="no such dataset")
    cluster.settle()
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.status.state == State.FAILED


def test_a_cancelled_job_promises_no_more_seconds() -> None:
    cluster = running_in(AUGMENT)
    cluster.report_shard(0, state="running", frames={"total": 1500, "done": 10}, framesPerSecond=10)
    cluster.settle()
    assert cluster.status.progress is not None
    assert cluster.status.progress.estimated_seconds_remaining
    cluster.change(cancel=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.progress is not None
    assert cluster.status.progress.estimated_seconds_remaining is None
    assert cluster.status.progress.frames_per_second is None
    assert cluster.status.progress.frames.done == 10
