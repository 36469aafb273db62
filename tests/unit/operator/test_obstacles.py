"""What a job shows while its pods cannot start yet, and when it gives up on them."""

import pytest

from augmentation_api import ConditionType, PhaseName, PhaseStatus, State
from augmentation_api.status import Condition
from augmentation_operator.cache.event_warnings import newest_warnings
from augmentation_operator.reconcile.obstacle import IMAGE_PULL_DEADLINE, QUIET, SIDECAR_GRACE, stuck_without_reason
from augmentation_operator.reconcile.status_draft import CONDITION_BYTES, MESSAGE_BYTES
from tests.unit.operator.simulated_cluster import AUGMENT, IMAGE, PROVISION, PUBLISH, RESOLVE, SimulatedCluster

DEADLINE = IMAGE_PULL_DEADLINE.total_seconds()


def placed(cluster: SimulatedCluster) -> Condition:
    condition = cluster.status.condition(ConditionType.PLACED)
    assert condition is not None
    return condition


def placed_reason(cluster: SimulatedCluster) -> str:
    condition = cluster.status.condition(ConditionType.PLACED)
    return condition.reason if condition is not None else ""


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_a_pod_without_a_node_is_shown_in_the_schedulers_own_words(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.wait_for_node(phase, "0/3 nodes are available: 3 Insufficient nvidia.com/gpu")
    cluster.settle()
    assert (placed(cluster).status, placed(cluster).reason) == ("False", "Unschedulable")
    assert cluster.status.message == "waiting for a node: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu"
    assert cluster.status.state != State.FAILED


def test_waiting_for_a_node_has_no_end_of_its_own() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.wait_for_node(AUGMENT)
    cluster.settle()
    cluster.pass_time(24 * 3600)
    cluster.settle()
    assert cluster.status.state == State.RUNNING


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_a_job_is_placed_again_once_the_pod_runs(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.wait_for_node(phase)
    cluster.settle()
    cluster.start_pod(phase)
    cluster.settle()
    assert placed(cluster).status == "True"
    assert "waiting" not in (cluster.status.message or "")


@pytest.mark.parametrize("phase", [RESOLVE, PUBLISH])
def test_a_job_is_placed_again_even_if_the_pod_was_never_seen_running(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.wait_for_node(phase)
    cluster.settle()
    cluster.report_source()
    if phase == PUBLISH:
        cluster.report_output()
    cluster.succeed_pod(phase)
    cluster.reconcile()
    assert placed(cluster).status == "True"


def test_a_job_whose_first_shard_runs_is_placed_though_others_wait() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT, 0)
    cluster.wait_for_node(AUGMENT, "0/1 nodes are available", index=1)
    cluster.settle()
    assert placed(cluster).status == "True"
    assert "0/1 nodes are available" in (cluster.status.message or "")


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull"])
def test_an_image_that_cannot_be_pulled_is_shown_at_once(phase: PhaseName, reason: str) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.wait_in_container(phase, reason, "manifest unknown")
    cluster.settle()
    assert (placed(cluster).status, placed(cluster).reason) == ("False", "ImagePullFailed")
    assert IMAGE in placed(cluster).message
    assert "manifest unknown" in placed(cluster).message
    assert "correct spec.image of the AugmentationClass" in placed(cluster).message
    assert cluster.status.state != State.FAILED


def test_an_image_that_cannot_be_pulled_fails_the_job_after_the_deadline() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.wait_in_container(RESOLVE, "ImagePullBackOff", "manifest unknown")
    cluster.settle()
    cluster.pass_time(DEADLINE)
    cluster.settle()
    assert cluster.status.state == State.QUEUED
    cluster.pass_time(1)
    cluster.settle()
    failed = cluster.status.condition(ConditionType.FAILED)
    assert failed is not None
    assert failed.reason == "ImagePullFailed"
    assert cluster.phase_status(RESOLVE) == PhaseStatus.FAILED
    assert not cluster.jobs


def test_the_deadline_of_a_pull_does_not_count_the_time_a_pod_waited_for_its_node() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.wait_for_node(AUGMENT)
    cluster.settle()
    cluster.pass_time(1800)  # a node is being bought
    cluster.wait_in_container(AUGMENT, "ErrImagePull", "connection reset")
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    cluster.pass_time(DEADLINE + 1)
    cluster.settle()
    assert cluster.status.state == State.FAILED


def test_the_deadline_of_a_pull_does_not_count_the_time_the_pull_itself_took() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.pass_time(1800)  # the image is large and the registry slow
    cluster.wait_in_container(RESOLVE, "ErrImagePull", "unexpected EOF")
    cluster.settle()
    assert cluster.status.state == State.QUEUED


def test_a_pull_that_succeeds_within_the_deadline_is_forgiven() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.wait_in_container(RESOLVE, "ErrImagePull")
    cluster.settle()
    cluster.pass_time(DEADLINE - 10)
    cluster.start_pod(RESOLVE)
    cluster.settle()
    cluster.pass_time(3600)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    assert placed(cluster).status == "True"


def test_a_name_that_no_image_can_have_fails_the_job_at_once() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.wait_in_container(RESOLVE, "InvalidImageName", "couldn't parse image name")
    cluster.settle()
    assert cluster.status.state == State.FAILED
    assert "couldn't parse image name" in (cluster.status.message or "")


def test_a_job_that_waits_for_an_image_is_looked_at_again_soon() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.wait_in_container(RESOLVE, "ErrImagePull")
    again = cluster.decide().requeue_after
    assert again is not None
    assert again.total_seconds() <= 10


def test_a_container_that_cannot_be_configured_is_shown() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.wait_in_container(RESOLVE, "CreateContainerConfigError", "secret not found")
    cluster.settle()
    assert (placed(cluster).status, placed(cluster).reason) == ("False", "PodNotStarted")
    assert "CreateContainerConfigError: secret not found" in (cluster.status.message or "")


def test_a_shard_that_lost_its_node_does_not_take_provisioning_back() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT, 0)
    cluster.settle()
    provisioned = cluster.status.phase(PROVISION)
    cluster.pass_time(60)
    cluster.lose_pod(AUGMENT, 0)
    cluster.settle()
    assert cluster.status.phase(PROVISION) == provisioned
    assert cluster.status.current_phase == AUGMENT


def test_long_kubernetes_messages_are_truncated_to_the_limit_of_the_status() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.wait_for_node(RESOLVE, "0/5000 nodes are available: " + "x" * 10_000)
    cluster.settle()
    assert len(cluster.status.message or "") == MESSAGE_BYTES
    assert len(placed(cluster).message) == CONDITION_BYTES


QUOTA = 'pods "kitchen-0" is forbidden: exceeded quota: team-a, requested: pods=1, used: pods=0, limited: pods=0'


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_a_job_that_gets_no_pods_for_want_of_quota_says_so(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.lose_pods(phase)
    cluster.warn("Job", cluster.job_name(phase), QUOTA)
    cluster.pass_time(QUIET.total_seconds())
    cluster.settle_without_pods()
    assert (placed(cluster).status, placed(cluster).reason) == ("False", "QuotaExceeded")
    assert "exceeded quota: team-a" in (cluster.status.message or "")
    assert "Raise the ResourceQuota" in (cluster.status.message or "")


def test_pods_rejected_for_another_reason_are_reported_in_kubernetes_words() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.lose_pods(RESOLVE)
    cluster.warn("Job", cluster.job_name(RESOLVE), "violates PodSecurity")
    cluster.pass_time(QUIET.total_seconds())
    cluster.settle_without_pods()
    assert placed(cluster).reason == "PodsRefused"
    assert cluster.status.message == "Kubernetes creates no pods for this job: violates PodSecurity"


@pytest.mark.parametrize(("phase", "field"), [(RESOLVE, "metadataResources"), (AUGMENT, "resources")])
def test_field_that_a_quota_or_limit_range_asks_for_is_named(phase: PhaseName, field: str) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.lose_pods(phase)
    cluster.warn("Job", cluster.job_name(phase), "failed quota: q: must specify limits.memory for: worker")
    cluster.pass_time(QUIET.total_seconds())
    cluster.settle_without_pods()
    assert (cluster.status.message or "").endswith(f". Set {field}.limits.memory of the AugmentationClass cpu")


SIDECAR = {"name": "a-proxy", "image": "proxy:9", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}


def test_sidecar_that_never_exits_is_named_with_the_fix() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    pod = cluster.start_pod(RESOLVE)
    cluster.report_source()
    pod.end_worker(SIDECAR, exit_code=0, at="2026-01-01T00:00:00Z")
    cluster.settle()
    assert placed_reason(cluster) != "SidecarRunning"
    cluster.pass_time(SIDECAR_GRACE.total_seconds())
    cluster.settle()
    assert (placed(cluster).status, placed(cluster).reason) == ("False", "SidecarRunning")
    message = cluster.status.message or ""
    assert "the container a-proxy keeps the pod from ending" in message
    assert "restartPolicy Always" in message
    assert "podTemplate of the AugmentationClass" in message
    cluster.succeed_pod(RESOLVE)
    cluster.settle()
    assert cluster.phase_status(RESOLVE) == PhaseStatus.COMPLETED


def test_sidecar_whose_image_cannot_be_pulled_is_blamed_for_it() -> None:
    """A pod waits for the image of an injected container, and the worker's was blamed (kubeflow#6373)."""
    cluster = SimulatedCluster()
    cluster.settle()
    waits = {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}}
    cluster.pod_of(RESOLVE).add_containers({**SIDECAR, "state": waits})
    cluster.settle()
    cluster.pass_time(DEADLINE + 1)
    cluster.settle()
    message = cluster.status.message or ""
    assert cluster.status.state == State.FAILED
    assert "the image proxy:9 of the container a-proxy, which is not the worker's, cannot be pulled" in message
    assert "spec.image" not in message


def test_worker_that_runs_is_not_failed_for_a_sidecar_without_an_image() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    waits = {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}}
    cluster.start_pod(RESOLVE).add_containers({**SIDECAR, "state": waits})
    cluster.settle()
    cluster.pass_time(DEADLINE + 1)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    assert "a-proxy" in (cluster.status.message or "")


def test_volume_that_cannot_be_mounted_is_reported() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    pod = cluster.pod_of(RESOLVE)
    pod.change(node="node-a")
    cluster.warn("Pod", pod.name, 'configmap "x" not found', "FailedMount")
    cluster.pass_time(QUIET.total_seconds())
    cluster.settle()
    assert placed(cluster).reason == "PodNotStarted"
    assert cluster.status.message == f'pod {pod.name} cannot start: configmap "x" not found'


def test_only_what_stays_silent_is_asked_about() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    assert stuck_without_reason(cluster.observe(), cluster.now) == []
    pod = cluster.pod_of(RESOLVE)
    pod.change(node="node-a")
    assert stuck_without_reason(cluster.observe(), cluster.now) == []
    cluster.pass_time(QUIET.total_seconds())
    assert [child.name for child in stuck_without_reason(cluster.observe(), cluster.now)] == [pod.name]
    cluster.wait_in_container(RESOLVE, "ImagePullBackOff", "manifest unknown")
    assert stuck_without_reason(cluster.observe(), cluster.now) == []
    cluster.lose_pods(RESOLVE)
    assert [child.name for child in stuck_without_reason(cluster.observe(), cluster.now)] == [cluster.job_name(RESOLVE)]
    cluster.job_of(RESOLVE).suspend(True)
    assert stuck_without_reason(cluster.observe(), cluster.now) == []


def test_newest_of_many_warnings_is_reported() -> None:
    def noted(at: str, message: str, kind: str = "Warning") -> dict[str, object]:
        event = {"type": kind, "reason": "FailedCreate", "message": message, "lastTimestamp": at}
        return {**event, "involvedObject": {"name": "a"}}

    events = [
        noted("2026-01-01T00:00:05Z", "newest"),
        noted("2026-01-01T00:00:01Z", "old"),
        noted("2026-01-01T00:00:09Z", "all is well", "Normal"),
    ]
    assert newest_warnings(events) == {"a": "newest"}
    assert newest_warnings([]) == {}
