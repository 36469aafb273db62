"""Cancel: final, possible from any unfinished state, and never reported while a pod still runs."""

from collections.abc import Callable

import pytest

from augmentation_api import ConditionType, FailureReason, PhaseName, PhaseStatus, State
from augmentation_operator.reconcile.completion import REPORT_GRACE
from augmentation_operator.reconcile.lifecycle import CLASS_GRACE
from tests.unit.operator.promises import of_any_generation
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster

PHASES_WITH_PODS = [RESOLVE, AUGMENT, PUBLISH]
Situation = Callable[[], SimulatedCluster]


def cancel(cluster: SimulatedCluster) -> None:
    """Cancel a job and let its pods end."""
    cluster.change(cancel=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()


def waiting_in(phase: PhaseName) -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    return cluster


def running_in(phase: PhaseName) -> SimulatedCluster:
    cluster = waiting_in(phase)
    cluster.start_pod(phase)
    cluster.settle()
    return cluster


def without_class() -> SimulatedCluster:
    cluster = SimulatedCluster(classes=())
    cluster.settle()
    return cluster


def running_without_class() -> SimulatedCluster:
    cluster = running_in(AUGMENT)
    cluster.classes = ()
    cluster.pass_time(CLASS_GRACE.total_seconds())
    return cluster


def suspended() -> SimulatedCluster:
    cluster = running_in(AUGMENT)
    cluster.change(suspend=True)
    cluster.settle()
    cluster.end_terminating_pods()
    return cluster


def between_two_phases() -> SimulatedCluster:
    cluster = running_in(RESOLVE)
    cluster.report_source()
    cluster.succeed_pod(RESOLVE)
    return cluster


def reported_with_a_deleted_job() -> SimulatedCluster:
    cluster = running_in(PUBLISH)
    cluster.report_output()
    cluster.delete_job(PUBLISH)
    return cluster


def published() -> SimulatedCluster:
    cluster = running_in(PUBLISH)
    cluster.report_output()
    cluster.succeed_pod(PUBLISH)
    return cluster


def completed() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.complete()
    return cluster


def failed() -> SimulatedCluster:
    cluster = running_in(RESOLVE)
    cluster.fail_pod(RESOLVE, failure=FailureReason.SOURCE_NOT_FOUND, message="no such dataset")
    cluster.settle()
    return cluster


@pytest.mark.parametrize(
    "situation",
    [
        pytest.param(SimulatedCluster, id="new"),
        *(pytest.param(lambda phase=phase: waiting_in(phase), id=f"waiting in {phase}") for phase in PHASES_WITH_PODS),
        *(pytest.param(lambda phase=phase: running_in(phase), id=f"running in {phase}") for phase in PHASES_WITH_PODS),
        without_class,
        running_without_class,
        suspended,
        between_two_phases,
        reported_with_a_deleted_job,
    ],
)
def test_cancelled_job_deletes_its_pods_and_begins_nothing(situation: Situation) -> None:
    cluster = situation()
    created = list(cluster.created_jobs)
    cancel(cluster)
    assert cluster.status.state == State.CANCELLED
    assert not cluster.running_pods
    assert cluster.created_jobs == created


@pytest.mark.parametrize(
    ("situation", "state"), [(published, State.COMPLETED), (completed, State.COMPLETED), (failed, State.FAILED)]
)
def test_job_that_has_ended_is_not_cancelled(situation: Situation, state: State) -> None:
    cluster = situation()
    before = cluster.status
    cancel(cluster)
    assert cluster.status.state == state
    assert cluster.status.condition(ConditionType.CANCELLED) is None
    assert of_any_generation(cluster.status) == of_any_generation(before) or situation is published


@pytest.mark.parametrize("phase", PHASES_WITH_PODS)
def test_job_is_not_cancelled_while_a_pod_runs(phase: PhaseName) -> None:
    cluster = running_in(phase)
    cluster.change(cancel=True)
    assert cluster.reconcile() is not None
    cluster.settle()
    cluster.pass_time(600)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    assert cluster.status.message == "cancelling: waiting for the pods to stop"
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.CANCELLED


@pytest.mark.parametrize("phase", PHASES_WITH_PODS)
def test_cancel_is_recorded_in_the_condition_the_phases_and_the_time(phase: PhaseName) -> None:
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
    hint = ": it was publishing the dataset: check whether a commit was made" if phase == PUBLISH else ""
    assert cluster.status.phase(phase).error == f"cancelled{hint}"


def test_completed_phases_of_a_cancelled_job_stay_completed() -> None:
    cluster = running_in(AUGMENT)
    cancel(cluster)
    assert cluster.phase_status(RESOLVE) == PhaseStatus.COMPLETED
    assert cluster.phase_status(PUBLISH) == PhaseStatus.PENDING


def test_publish_pod_that_has_reported_is_not_stopped_by_a_cancel() -> None:
    # It only has to exit: to call this cancelled would deny a dataset that exists.
    cluster = running_in(PUBLISH)
    cluster.report_output()
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.has_job(PUBLISH)
    assert not cluster.pod_of(PUBLISH).terminating
    cluster.succeed_pod(PUBLISH)
    cluster.settle()
    assert cluster.status.state == State.COMPLETED


def test_publish_pod_that_has_reported_and_does_not_exit_is_stopped_after_a_minute() -> None:
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


def test_each_attempt_has_its_own_minute_to_exit() -> None:
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


def test_cancelled_job_that_was_publishing_does_not_claim_that_nothing_was_published() -> None:
    cluster = running_in(PUBLISH)
    cancel(cluster)
    assert cluster.status.message == "cancelled: it was publishing the dataset: check whether a commit was made"


def test_deleted_publish_job_is_created_again() -> None:
    cluster = reported_with_a_deleted_job()
    cluster.settle()
    assert cluster.has_job(PUBLISH)
    assert cluster.status.state == State.RUNNING


@pytest.mark.parametrize("is_reported", [True, False])
def test_cancel_waits_a_minute_for_the_report_of_a_publication(is_reported: bool) -> None:
    cluster = running_in(PUBLISH)
    cluster.succeed_pod(PUBLISH)
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    assert cluster.decide().requeue_after is not None
    if is_reported:
        cluster.report_output()
    else:
        cluster.pass_time(REPORT_GRACE.total_seconds() + 1)
    cluster.settle()
    assert cluster.status.state == (State.COMPLETED if is_reported else State.CANCELLED)


def test_cancelled_job_estimates_no_remaining_time() -> None:
    cluster = running_in(AUGMENT)
    cluster.report_shard(0, state="running", frames={"total": 1500, "done": 10}, framesPerSecond=10)
    cluster.settle()
    assert cluster.status.progress is not None
    assert cluster.status.progress.estimated_seconds_remaining
    cancel(cluster)
    assert cluster.status.progress is not None
    assert cluster.status.progress.estimated_seconds_remaining is None
    assert cluster.status.progress.frames_per_second is None
    assert cluster.status.progress.frames.done == 10
