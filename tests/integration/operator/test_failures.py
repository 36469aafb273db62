"""Failures in a real cluster, and how the status reports them."""

from augmentation_api import FailureReason
from tests.integration.operator.cluster import Cluster, Json, OperatorProcess, path_of
from tests.integration.operator.jobs import Job, StandInKubelet, resolve


def make_class(cluster: Cluster, name: str, **spec: object) -> None:
    body = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationClass",
        "metadata": {"name": name},
        "spec": {"image": "worker:1", **spec},
    }
    cluster.apply(path_of("augmentationclasses", None, name), body, "kubectl")


def test_permanent_failure_in_resolve_fails_the_job_with_the_workers_message(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster)
    (pod,) = job.await_pods("resolve")
    kubelet.start(pod)
    kubelet.give_up(pod, FailureReason.SOURCE_NOT_FOUND, "lab/kitchen is not on the hub: correct source.hub.repoID")
    job.until_state("failed")
    assert job.condition("Failed")["reason"] == "SourceNotFound"
    assert job.status["message"] == "resolve failed: lab/kitchen is not on the hub: correct source.hub.repoID"
    assert job.phases()["resolve"] == "failed"
    assert job.children()["resolve"]["status"]["failed"] == 1


def test_transient_failure_is_retried_by_kubernetes_and_reported(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster)
    (pod,) = job.await_pods("resolve")
    kubelet.start(pod)
    kubelet.give_up(pod, FailureReason.HUB_UNAVAILABLE, "the hub answered 503")
    status: Json = {}

    def is_retried(job: Job) -> bool:
        status.update(job.status)
        return status.get("retryCount") == 1

    job.until(is_retried)
    assert status["state"] == "running"
    assert status["message"] == "resolve: retrying after: the hub answered 503"
    resolving = next(phase for phase in status["phases"] if phase["name"] == "resolve")
    assert [event["status"] for event in resolving["events"]] == ["retrying"]
    assert not job.children()["resolve"]["status"].get("conditions")


def test_permanent_failure_of_one_shard_fails_the_job_and_stops_the_others(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster, parallelism=2)
    resolve(job, kubelet)
    pods = job.await_pods("augment", 2)
    for pod in pods:
        kubelet.start(pod)
    kubelet.give_up(pods[1], FailureReason.SOURCE_INVALID, "episode 7: there is no such video")
    job.until(lambda job: kubelet.end_deleted_pods(job, "augment") == 1)
    job.until_state("failed")
    assert job.condition("Failed")["reason"] == "SourceInvalid"
    assert job.condition("Failed")["message"] == "episode 7: there is no such video"


def test_image_pull_error_is_reported(operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet) -> None:
    job = Job(cluster)
    (pod,) = job.await_pods("resolve")
    kubelet.wait(pod, "ErrImagePull", "manifest unknown")
    job.until(lambda job: job.condition("Placed").get("reason") == "ImagePullFailed")
    assert "manifest unknown" in job.status["message"]


def test_generative_job_waits_for_a_class(operator: OperatorProcess, cluster: Cluster) -> None:
    job = Job(cluster, type="generative")
    job.until(lambda job: job.condition("Accepted").get("status") == "False")
    assert job.condition("Accepted")["reason"] == "ClassNotFound"
    assert "no AugmentationClass is the default of this type" in job.status["message"]
    assert job.state == "queued"
    assert not job.children()
    make_class(cluster, "video-model", type="generative", default=True)
    job.until(lambda job: job.condition("Accepted")["status"] == "True")
    job.await_pods("resolve")


def test_job_rejected_by_the_api_server_continues_when_its_class_is_corrected(
    operator: OperatorProcess, cluster: Cluster
) -> None:
    make_class(cluster, "mistyped", imagePullSecrets=["registry"], metadataResources={"limits": {"cpu-dose": "1"}})
    job = Job(cluster, className="mistyped")
    job.until(lambda job: job.condition("Placed").get("reason") == "Refused")
    assert "cpu-dose" in job.status["message"]
    cluster.merge_patch(
        path_of("augmentationclasses", None, "mistyped"),
        {"spec": {"metadataResources": {"limits": {"cpu-dose": None, "cpu": "1"}}}},
    )
    job.await_pods("resolve")
    job.until(lambda job: "refuses" not in job.status["message"])


def test_spec_that_only_the_operator_rejects_fails_with_field_and_fix(
    operator: OperatorProcess, cluster: Cluster
) -> None:
    job = Job(cluster, augmentation={"episodes": "5:3"})
    job.until_state("failed")
    assert job.condition("Failed")["reason"] == "SpecInvalid"
    assert "spec.augmentation.episodes" in job.status["message"]


def test_deleted_child_is_created_again(operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet) -> None:
    job = Job(cluster)
    job.await_pods("resolve")
    first = job.children()["resolve"]["metadata"]
    cluster.delete(path_of("jobs", job.namespace, first["name"]), propagationPolicy="Background")
    job.until(lambda job: job.children().get("resolve", {"metadata": first})["metadata"]["uid"] != first["uid"])


def test_preempted_pod_is_counted_and_is_no_retry(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster, backoffLimitPerShard=0)
    (pod,) = job.await_pods("resolve")
    kubelet.start(pod)
    kubelet.preempt(pod)
    job.until(lambda job: job.status.get("preemptionCount") == 1)
    resolve(job, kubelet)
    job.until(lambda job: job.phases()["resolve"] == "completed")
    assert job.status.get("retryCount", 0) == 0


def test_exceeded_quota_is_reported_in_the_words_of_kubernetes(operator: OperatorProcess, cluster: Cluster) -> None:
    cluster.post("/api/v1/namespaces", {"metadata": {"name": "poor"}})
    hard = {"pods": "0"}
    cluster.post(path_of("resourcequotas", "poor"), {"metadata": {"name": "none"}, "spec": {"hard": hard}})
    # What the quota controller, which does not run here, would write.
    status = path_of("resourcequotas", "poor", "none", "status")
    cluster.merge_patch(status, {"status": {"hard": hard, "used": {"pods": "0"}}})
    job = Job(cluster, namespace="poor")
    job.until(lambda job: job.condition("Placed").get("reason") == "QuotaExceeded")
    assert "exceeded quota: none" in job.status["message"]
    assert job.state != "failed"
