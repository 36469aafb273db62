"""How a job fails: with the reason and the words of whoever knows best, and nothing left running."""

from datetime import UTC, datetime

import pytest

from augmentation_api import ConditionType, FailureReason, PhaseName, PhaseStatus, State
from augmentation_operator.children.job import ChildJob
from augmentation_operator.children.pod import ChildPod, Termination
from augmentation_operator.reconcile.completion import REPORT_GRACE
from augmentation_operator.reconcile.failure_reason import explain, why_failed
from tests.unit.operator.simulated_cluster import AUGMENT, PROVISION, PUBLISH, RESOLVE, SimulatedCluster

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def failure(cluster: SimulatedCluster) -> tuple[str, str]:
    """Reason and message of the Failed condition."""
    assert cluster.status.state == State.FAILED
    condition = cluster.status.condition(ConditionType.FAILED)
    assert condition is not None
    assert condition.status == "True"
    return condition.reason, condition.message


def failing_in(phase: PhaseName, **how: object) -> SimulatedCluster:
    cluster = SimulatedCluster(backoffLimitPerShard=0)
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()
    cluster.fail_pod(phase, **how)  # type: ignore[arg-type]
    cluster.settle()
    return cluster


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_termination_message_of_a_failed_worker_is_quoted(phase: PhaseName) -> None:
    words = "lab/kitchen is not on the hub: correct spec.source.hub.repoID"
    cluster = failing_in(phase, failure=FailureReason.SOURCE_NOT_FOUND, message=words)
    assert failure(cluster) == ("SourceNotFound", words)
    assert cluster.status.message == f"{phase} failed: {words}"
    assert cluster.status.phase(phase).error == words
    assert cluster.status.phase(phase).status == PhaseStatus.FAILED
    assert cluster.status.current_phase == phase
    assert cluster.status.completed_at == cluster.now


def test_a_permanent_failure_of_one_shard_fails_the_job_and_stops_the_others() -> None:
    cluster = SimulatedCluster(parallelism=4)
    cluster.reach(AUGMENT)
    for index in range(4):
        cluster.start_pod(AUGMENT, index)
    cluster.settle()
    cluster.fail_pod(AUGMENT, index=2, failure=FailureReason.SOURCE_INVALID, message="episode 7: no such video")
    cluster.settle()
    assert failure(cluster) == ("SourceInvalid", "episode 7: no such video")
    assert not cluster.running_pods
    assert not cluster.has_job(PUBLISH)


def test_the_phases_before_a_failure_stay_completed_and_those_after_pending() -> None:
    cluster = failing_in(AUGMENT, exit_code=1)
    assert [cluster.phase_status(phase) for phase in PhaseName] == [
        PhaseStatus.COMPLETED,
        PhaseStatus.COMPLETED,
        PhaseStatus.FAILED,
        PhaseStatus.PENDING,
    ]


def test_worker_out_of_memory_is_reported_with_the_field_to_raise() -> None:
    reason, message = failure(failing_in(AUGMENT, exit_code=137, reason="OOMKilled"))
    assert reason == "WorkerCrashed"
    assert "out of memory" in message
    assert "resources.limits.memory of its AugmentationClass" in message


@pytest.mark.parametrize("phase", [RESOLVE, PUBLISH])
def test_a_pod_that_only_reads_metadata_has_its_own_limit_of_memory(phase: PhaseName) -> None:
    _, message = failure(failing_in(phase, exit_code=137, reason="OOMKilled"))
    assert "metadataResources.limits.memory of its AugmentationClass" in message


@pytest.mark.parametrize(("exit_code", "signal"), [(139, 11), (137, 9), (134, 6)])
def test_a_worker_that_crashed_is_reported_with_its_signal_and_last_words(exit_code: int, signal: int) -> None:
    reason, message = failure(failing_in(AUGMENT, exit_code=exit_code, message="free(): invalid pointer\n"))
    assert reason == "WorkerCrashed"
    assert f"was killed by signal {signal}" in message
    assert "its last words: free(): invalid pointer" in message


def test_a_worker_that_crashed_without_a_word_is_reported_with_its_exit_code() -> None:
    assert failure(failing_in(RESOLVE, exit_code=3)) == ("WorkerCrashed", "the worker ended with exit code 3")


def test_long_last_words_are_cut_to_their_end() -> None:
    _, message = failure(failing_in(RESOLVE, exit_code=2, message="x" * 5000 + "ValueError: the cause"))
    assert message.endswith("ValueError: the cause")
    assert len(message) < 400


def test_a_log_that_happens_to_be_json_is_no_message_of_a_worker() -> None:
    reason, _ = failure(failing_in(RESOLVE, exit_code=1, message='{"level": "error", "message": "boom"}'))
    assert reason == "WorkerCrashed"


def test_a_job_fails_when_its_retries_are_used_up() -> None:
    cluster = SimulatedCluster(backoffLimitPerShard=2)
    cluster.settle()
    for _ in range(3):
        assert cluster.status.state != State.FAILED
        cluster.start_pod(RESOLVE)
        cluster.fail_pod(RESOLVE, failure=FailureReason.HUB_UNAVAILABLE, message="the hub answered 503")
        cluster.settle()
    assert failure(cluster) == ("HubUnavailable", "the hub answered 503")
    assert cluster.status.retry_count == 2


def test_failed_augment_job_whose_pods_never_ran_fails_in_provision() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.wait_in_container(AUGMENT, "InvalidImageName")
    cluster.settle()
    assert cluster.status.phase(PROVISION).status == PhaseStatus.FAILED
    assert cluster.status.phase(AUGMENT).status == PhaseStatus.PENDING


@pytest.mark.parametrize("phase", [RESOLVE, PUBLISH])
def test_pod_that_succeeds_without_a_report_suggests_an_image_of_another_version(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.succeed_pod(phase)
    cluster.settle()
    cluster.pass_time(REPORT_GRACE.total_seconds())
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    cluster.pass_time(1)
    cluster.settle()
    reason, message = failure(cluster)
    assert reason == "InternalError"
    assert "keep the worker contract" in message


def pod(name: str, exit_code: int, finished_at: datetime | None, message: str = "") -> ChildPod:
    return ChildPod(
        name=name,
        phase=AUGMENT,
        is_finished=True,
        termination=Termination(exit_code=exit_code, message=message, finished_at=finished_at),
    )


def test_a_container_whose_end_nobody_saw_is_reported_all_the_same() -> None:
    # The kubelet says ContainerStatusUnknown, 137 and no time when it comes back to a container that is gone.
    job = ChildJob("j", AUGMENT, failed_at=MOMENT)
    assert why_failed(job, [pod("a", 137, None), pod("b", 139, MOMENT)]).message == "the worker was killed by signal 11"


def test_the_failure_that_ended_the_job_is_reported_not_an_earlier_one_that_passed() -> None:
    passing = '{"reason":"HubUnavailable","message":"the hub answered 503"}'
    permanent = '{"reason":"SourceInvalid","message":"episode 7: no such video"}'
    job = ChildJob("j", AUGMENT, failed_at=MOMENT, failed_reason="PodFailurePolicy")
    pods = [
        pod("b", FailureReason.SOURCE_INVALID.exit_code, MOMENT, permanent),
        pod("a", FailureReason.HUB_UNAVAILABLE.exit_code, MOMENT.replace(second=1), passing),
    ]
    assert why_failed(job, pods).reason == FailureReason.SOURCE_INVALID


def test_shards_that_were_stopped_because_another_failed_are_not_the_cause() -> None:
    words = '{"reason":"SourceInvalid","message":"episode 7: no such video"}'
    pods = [
        pod("b", FailureReason.SOURCE_INVALID.exit_code, MOMENT, words),
        pod("a", 143, MOMENT.replace(second=1)),
    ]
    assert why_failed(ChildJob("j", AUGMENT, failed_at=MOMENT), pods).message == "episode 7: no such video"


def test_a_job_without_any_pod_left_fails_in_kubernetes_words() -> None:
    job = ChildJob("j", AUGMENT, failed_at=MOMENT, failed_message="Job has reached the specified backoff limit")
    assert why_failed(job, []).message == "the augment pods failed: Job has reached the specified backoff limit"


def test_a_pod_that_was_evicted_is_reported_in_the_kubelets_words() -> None:
    words = 'Usage of EmptyDir volume "scratch" exceeds the limit "20Gi".'
    found = explain(Termination(exit_code=137, reason="Evicted", message=words, by_node=True), AUGMENT)
    assert found.reason == FailureReason.STORAGE_EXHAUSTED
    assert words in found.message
    assert "Raise scratchSize of its AugmentationClass" in found.message


def test_pod_rejected_by_its_node_is_reported_in_the_kubelets_words() -> None:
    words = "Allocate failed due to no healthy devices present"
    found = explain(Termination(exit_code=137, reason="UnexpectedAdmissionError", message=words, by_node=True), AUGMENT)
    assert found.reason == FailureReason.WORKER_CRASHED
    assert found.message == f"the pod was stopped by its node (UnexpectedAdmissionError): {words}"


def test_publish_pod_that_fails_after_its_report_is_retried() -> None:
    cluster = SimulatedCluster(backoffLimitPerShard=1)
    cluster.reach(PUBLISH)
    cluster.start_pod(PUBLISH)
    cluster.report_output()
    cluster.fail_pod(PUBLISH, exit_code=137)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    cluster.start_pod(PUBLISH)
    cluster.succeed_pod(PUBLISH)
    cluster.settle()
    assert cluster.status.state == State.COMPLETED


def test_a_job_whose_publish_job_failed_has_failed_whatever_was_reported() -> None:
    cluster = SimulatedCluster()
    cluster.reach(PUBLISH)
    cluster.start_pod(PUBLISH)
    cluster.report_output()
    cluster.fail_pod(PUBLISH, failure=FailureReason.INTEGRITY_CHECK_FAILED, message="episode 3 lacks a frame")
    cluster.settle()
    assert cluster.status.state == State.FAILED
    assert cluster.status.message == "publish failed: episode 3 lacks a frame"
