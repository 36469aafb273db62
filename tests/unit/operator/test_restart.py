"""Restart of a job (spec.attempt): what is finished is kept, what is left runs again, and nothing stale counts."""

from collections.abc import Callable

import pytest

from augmentation_api import ConditionType, FailureReason, PhaseName, PhaseStatus, State
from augmentation_api.identifiers import phase_field_manager
from augmentation_api.model import to_rfc3339
from augmentation_kube import Resource
from tests.unit.operator.promises import of_any_generation
from tests.unit.operator.simulated_cluster import (
    AUGMENT,
    PROVISION,
    PUBLISH,
    PUBLISHED_OUTPUT,
    RESOLVE,
    SimulatedCluster,
)
from tests.unit.operator.simulated_jobs import NAMESPACE


def failed_in(phase: PhaseName) -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()
    cluster.pass_time(30)
    cluster.fail_pod(phase, failure=FailureReason.SOURCE_INVALID, message="episode 3 is broken")
    cluster.settle()
    assert cluster.status.state == State.FAILED
    return cluster


def restarted(phase: PhaseName) -> SimulatedCluster:
    cluster = failed_in(phase)
    cluster.pass_time(600)
    cluster.retry()
    cluster.settle()
    return cluster


def cancelled_in(phase: PhaseName) -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.change(cancel=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.CANCELLED
    return cluster


def finish(cluster: SimulatedCluster, phase: PhaseName) -> None:
    """Complete a job from a phase on."""
    if phase == RESOLVE:
        cluster.finish_resolve()
    if phase != PUBLISH:
        cluster.finish_augment()
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
@pytest.mark.parametrize("ended_in", [failed_in, cancelled_in])
def test_restarted_job_continues_with_the_phase_it_ended_in(
    ended_in: Callable[[PhaseName], SimulatedCluster], phase: PhaseName
) -> None:
    cluster = ended_in(phase)
    cluster.retry()
    cluster.settle()
    assert cluster.status.state == State.QUEUED
    assert cluster.status.attempt == 1
    assert (cluster.status.completed_at, cluster.status.cancelled_at) == (None, None)
    assert cluster.has_job(phase)
    finish(cluster, phase)


def test_completed_phases_are_not_run_again() -> None:
    cluster = restarted(AUGMENT)
    assert cluster.phase_status(RESOLVE) == PhaseStatus.COMPLETED
    assert [name for name in cluster.created_jobs if "-resolve" in name] == ["kitchen-0f1e2d3c-resolve"]
    assert cluster.status.source is not None
    assert cluster.status.source.revision == "c0ffee"


def test_shard_count_and_shard_records_stay() -> None:
    cluster = failed_in(AUGMENT)
    shards = cluster.status.shard_count
    records = {name: made for (kind, name), made in cluster.objects.items() if kind == "ConfigMap"}
    cluster.retry()
    cluster.settle()
    assert cluster.status.shard_count == shards
    assert cluster.job_of(AUGMENT).completions == shards
    assert {name for kind, name in cluster.objects if kind == "ConfigMap"} == set(records)


def test_each_attempt_has_its_own_jobs_and_earlier_ones_are_deleted() -> None:
    cluster = restarted(AUGMENT)
    assert cluster.created_jobs[-1] == "kitchen-0f1e2d3c-augment-1"
    assert set(cluster.jobs) == {"kitchen-0f1e2d3c-augment-1"}


def test_late_failure_of_an_earlier_attempt_is_ignored() -> None:
    cluster = failed_in(AUGMENT)
    old = cluster.jobs[cluster.job_name(AUGMENT)].to_wire()
    cluster.retry()
    cluster.settle()
    cluster.kube.put(Resource.JOBS, old, NAMESPACE)
    cluster.settle()
    assert cluster.status.state == State.QUEUED


def test_new_attempt_waits_for_the_last_pod_of_the_one_before() -> None:
    cluster = failed_in(AUGMENT)
    lingering = cluster.copy_pod(cluster.pods[-1], "lingering")
    lingering.change("Running")
    cluster.kube.delete_now(Resource.PODS, lingering.name, NAMESPACE)
    cluster.retry()
    cluster.settle()
    assert cluster.status.state == State.FAILED
    assert cluster.decide().requeue_after is not None
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.QUEUED


def test_failed_phase_is_reset_and_its_failure_stays_in_the_events() -> None:
    cluster = restarted(AUGMENT)
    augment = cluster.status.phase(AUGMENT)
    assert (augment.status, augment.error, augment.completed_at) == (PhaseStatus.PENDING, None, None)
    assert cluster.phase_status(PROVISION) == PhaseStatus.IN_PROGRESS
    (restart,) = (event for event in augment.events if event.status == "started again")
    assert restart.error == "augment failed: episode 3 is broken"
    failed = cluster.status.condition(ConditionType.FAILED)
    assert failed is not None
    assert (failed.status, failed.reason) == ("False", "StartedAgain")
    assert cluster.status.completed_at is None
    assert cluster.status.placement is not None
    assert cluster.status.placement.node is None


def test_earlier_image_pull_failure_does_not_count() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.wait_in_container(RESOLVE, "InvalidImageName", "couldn't parse image name")
    cluster.settle()
    assert cluster.status.state == State.FAILED
    cluster.end_terminating_pods()
    cluster.retry()
    cluster.settle()
    assert cluster.status.condition(ConditionType.PLACED) is None
    cluster.finish_resolve()
    assert cluster.phase_status(RESOLVE) == PhaseStatus.COMPLETED


def test_shards_of_an_earlier_attempt_do_not_count_as_running() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    report = {"state": "running", "framesPerSecond": 9.0, "updatedAt": to_rfc3339(cluster.now)}
    cluster.report_shard(0, frames={"total": 1500, "done": 600}, **report)
    cluster.settle()
    cluster.fail_pod(AUGMENT, failure=FailureReason.SOURCE_INVALID, message="no")
    cluster.settle()
    cluster.pass_time(60)
    cluster.retry()
    cluster.settle()
    assert cluster.status.current_phase == PROVISION
    progress = cluster.status.progress
    assert progress is not None
    assert (progress.frames.done, progress.frames_per_second) == (600, None)


def test_deadline_counts_from_the_restart() -> None:
    cluster = SimulatedCluster(activeDeadlineSeconds=3600)
    cluster.reach(AUGMENT)
    cluster.pass_time(3600)
    cluster.settle()
    assert cluster.status.state == State.FAILED
    cluster.end_terminating_pods()
    cluster.retry()
    cluster.settle()
    cluster.start_pod(AUGMENT)
    cluster.settle()
    assert cluster.fails_after(3600)


def test_new_attempt_may_fail_and_another_one_follow() -> None:
    cluster = restarted(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.fail_pod(AUGMENT, failure=FailureReason.SOURCE_INVALID, message="still broken")
    cluster.settle()
    assert cluster.status.message == "augment failed: still broken"
    cluster.retry()
    cluster.settle()
    assert cluster.status.attempt == 2
    finish(cluster, AUGMENT)


def test_job_created_with_an_attempt_begins_with_it() -> None:
    cluster = SimulatedCluster(attempt=2)
    cluster.settle()
    assert cluster.status.attempt == 2
    cluster.complete()


def test_suspended_job_is_restarted_but_runs_nothing() -> None:
    cluster = failed_in(AUGMENT)
    cluster.change(suspend=True)
    cluster.retry()
    cluster.settle()
    assert cluster.status.state == State.QUEUED
    assert not cluster.running_pods
    cluster.change(suspend=False)
    cluster.settle()
    assert cluster.has_job(AUGMENT)


def test_lost_records_are_made_again_by_the_shards_of_a_new_attempt() -> None:
    cluster = SimulatedCluster()
    cluster.reach(PUBLISH)
    shards = cluster.status.shard_count
    cluster.start_pod(PUBLISH)
    cluster.fail_pod(PUBLISH, failure=FailureReason.RECORDS_LOST, message="video 3 is not stored any more")
    cluster.settle()
    assert cluster.status.state == State.FAILED
    cluster.retry()
    cluster.settle()
    assert cluster.phase_status(RESOLVE) == PhaseStatus.COMPLETED
    assert cluster.phase_status(PROVISION) == PhaseStatus.IN_PROGRESS
    assert cluster.phase_status(AUGMENT) == PhaseStatus.PENDING
    assert cluster.job_of(AUGMENT).completions == shards
    assert not cluster.has_job(PUBLISH)
    finish(cluster, AUGMENT)


def test_completed_job_does_not_restart() -> None:
    cluster = SimulatedCluster()
    cluster.complete()
    before = cluster.status
    cluster.change(attempt=1)  # the CRD refuses it
    cluster.settle()
    assert of_any_generation(cluster.status) == of_any_generation(before)


def test_job_that_failed_for_bad_episodes_publishes_the_rest_without_augmenting_again() -> None:
    cluster = SimulatedCluster()
    cluster.reach(PUBLISH)
    cluster.start_pod(PUBLISH)
    cluster.settle()
    bad = {"count": 1, "items": [{"index": 3, "cause": "episode 3: cut short"}]}
    cluster.report(phase_field_manager(PUBLISH), badEpisodes=bad)
    cluster.fail_pod(
        PUBLISH, failure=FailureReason.SOURCE_INVALID, message="1 of the 9 selected episodes cannot be used"
    )
    cluster.settle()
    assert cluster.status.message == "publish failed: 1 of the 9 selected episodes cannot be used"
    assert cluster.status.bad_episodes is not None
    cluster.change(onBadEpisode="skip", attempt=1)
    cluster.settle()
    assert cluster.status.has_completed(AUGMENT)
    assert cluster.has_job(PUBLISH)
    cluster.start_pod(PUBLISH)
    cluster.settle()
    listed = bad | {"file": "meta/bad_episodes.json"}
    cluster.report(phase_field_manager(PUBLISH), output=PUBLISHED_OUTPUT, badEpisodes=listed)
    cluster.succeed_pod(PUBLISH)
    cluster.settle()
    assert cluster.status.state == State.COMPLETED
    assert (cluster.status.message or "").endswith("; skipped 1 that cannot be used (status.badEpisodes)")
