"""Suspending: no pods run until the job is resumed, and nothing that was done is lost."""

import pytest

from augmentation_api import ConditionType, FailureReason, PhaseName, PhaseStatus, State
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster

HELD = "suspended: set spec.suspend to false to resume it"


def running_in(phase: PhaseName) -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()
    return cluster


def suspension(cluster: SimulatedCluster) -> tuple[str, str]:
    condition = cluster.status.condition(ConditionType.SUSPENDED)
    assert condition is not None
    return condition.status, condition.reason


def test_a_job_made_suspended_is_accepted_and_runs_nothing() -> None:
    cluster = SimulatedCluster(suspend=True)
    cluster.settle()
    assert cluster.status.state == State.QUEUED
    assert cluster.status.message == HELD
    assert suspension(cluster) == ("True", "SuspendedByUser")
    assert not cluster.jobs
    assert [cluster.phase_status(phase) for phase in PhaseName] == [PhaseStatus.PENDING] * 4


def test_a_job_made_suspended_begins_when_it_is_resumed() -> None:
    cluster = SimulatedCluster(suspend=True)
    cluster.settle()
    cluster.change(suspend=False)
    cluster.settle()
    assert suspension(cluster) == ("False", "Resumed")
    assert cluster.has_job(RESOLVE)


def test_a_job_that_was_never_suspended_has_no_such_condition() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    assert cluster.status.condition(ConditionType.SUSPENDED) is None


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_suspend_stops_the_pods_of_the_phase_and_resume_starts_them_again(phase: PhaseName) -> None:
    cluster = running_in(phase)
    cluster.change(suspend=True)
    cluster.settle()
    cluster.end_terminating_pods()
    assert not cluster.running_pods
    assert cluster.status.message == HELD
    cluster.change(suspend=False)
    cluster.settle()
    assert cluster.pod_of(phase)
    assert cluster.status.message != HELD


def placed(cluster: SimulatedCluster) -> tuple[str, str] | None:
    condition = cluster.status.condition(ConditionType.PLACED)
    return (condition.status, condition.message or "") if condition else None


@pytest.mark.parametrize("phase", [AUGMENT, PUBLISH])
def test_a_suspended_job_is_placed_nowhere_until_its_pods_run_again(phase: PhaseName) -> None:
    cluster = running_in(phase)
    assert placed(cluster) == ("True", "running on node-a")
    cluster.change(suspend=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert placed(cluster) is None
    cluster.change(suspend=False)
    cluster.settle()
    assert placed(cluster) is None
    cluster.start_pod(phase, node="node-b")
    cluster.settle()
    assert placed(cluster) == ("True", "running on node-b" if phase == AUGMENT else "running")


def test_suspended_job_reports_no_missing_node() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.wait_for_node(AUGMENT)
    cluster.settle()
    assert placed(cluster) == ("False", cluster.status.message)
    cluster.change(suspend=True)
    cluster.settle()
    assert placed(cluster) is None


def test_a_suspended_job_begins_no_further_phase() -> None:
    cluster = running_in(RESOLVE)
    cluster.change(suspend=True)
    cluster.report_source()
    cluster.succeed_pod(RESOLVE)
    cluster.settle()
    assert cluster.phase_status(RESOLVE) == PhaseStatus.COMPLETED
    assert not cluster.has_job(AUGMENT)
    cluster.change(suspend=False)
    cluster.settle()
    assert cluster.has_job(AUGMENT)


def test_publication_that_completes_while_suspended_completes_the_job_with_an_event() -> None:
    cluster = running_in(PUBLISH)
    cluster.change(suspend=True)
    cluster.report_output()
    cluster.succeed_pod(PUBLISH)
    cluster.settle()
    assert cluster.status.state == State.COMPLETED
    assert (cluster.status.message or "").startswith("published lab/kitchen_augmented")


def test_publication_suspended_after_its_report_is_found_and_completed_on_resume() -> None:
    cluster = running_in(PUBLISH)
    cluster.change(suspend=True)
    cluster.settle()
    cluster.report_output()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    cluster.change(suspend=False)
    cluster.settle()
    cluster.start_pod(PUBLISH)
    cluster.succeed_pod(PUBLISH)
    cluster.settle()
    assert cluster.status.state == State.COMPLETED


def test_a_job_that_fails_while_suspended_tells_why() -> None:
    cluster = running_in(RESOLVE)
    cluster.change(suspend=True)
    cluster.fail_pod(RESOLVE, failure=FailureReason.SOURCE_NOT_FOUND, message="no such dataset")
    cluster.settle()
    assert cluster.status.state == State.FAILED
    assert cluster.status.message == "resolve failed: no such dataset"
