"""Jobs in the hands of administrators: kubectl's columns and waits, deletion in the foreground."""

from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import Cluster, OperatorProcess, path_of, until
from tests.integration.operator.jobs import Job, StandInKubelet, resolve


def columns(plane: ControlPlane, job: Job) -> dict[str, str]:
    """What `kubectl get` shows of a job."""
    table = plane.kubectl("get", "augmentationjobs", job.name, "--namespace", job.namespace).splitlines()
    return dict(zip(table[0].split(), table[1].split(), strict=False))


def test_kubectl_waits_for_an_ended_job_that_was_changed(
    operator: OperatorProcess, plane: ControlPlane, cluster: Cluster
) -> None:
    job = Job(cluster, cancel=True)
    job.until_state("cancelled")
    job.change(ttlSecondsAfterFinished=86400)
    for condition in ("Cancelled", "Stalled"):
        plane.kubectl(
            "wait", f"aj/{job.name}", f"--for=condition={condition}", "--timeout=50s", f"--namespace={job.namespace}"
        )
    assert job.read()["metadata"]["generation"] == job.status["observedGeneration"] == 2


def test_kubectl_shows_that_a_job_is_suspended(
    operator: OperatorProcess, plane: ControlPlane, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster)
    resolve(job, kubelet)
    (pod,) = job.await_pods("augment")
    kubelet.start(pod)
    job.until(lambda job: job.phases().get("provision") == "completed")
    assert (columns(plane, job)["STATE"], columns(plane, job)["REASON"]) == ("running", "Running")
    job.change(suspend=True)
    job.until(lambda job: job.status.get("displayState") == "suspended")
    assert columns(plane, job)["STATE"] == "suspended"
    assert job.state == "running"


def test_foreground_deletion_waits_for_the_pods(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster)
    (pod,) = job.await_pods("resolve")
    kubelet.start(pod)
    cluster.delete(job.path(), propagationPolicy="Foreground")
    until(lambda: "deletionTimestamp" in job.pods("resolve")[0]["metadata"], lambda: job.pods("resolve"))
    assert job.read()["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert "resolve" in job.children()
    kubelet.end_deleted_pods(job, "resolve")

    def is_gone() -> bool:
        return cluster.http.get(job.path()).status_code == 404

    until(is_gone, job.read)


def test_corrected_class_reaches_a_job_that_is_refused_every_pod(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    """A LimitRange rejects the pods of a class; the job goes on as soon as the class fits (kuberay#2178)."""
    limit = {"type": "Container", "max": {"memory": "1Gi"}}
    limits = path_of("limitranges", "elsewhere")
    cluster.post(limits, {"metadata": {"name": "small"}, "spec": {"limits": [limit]}})
    spec = {"image": "worker@sha256:0", "metadataResources": {"limits": {"memory": "2Gi"}}}
    body = {"apiVersion": "augmentation.dev/v1alpha1", "kind": "AugmentationClass", "metadata": {"name": "large"}}
    cluster.post(path_of("augmentationclasses"), {**body, "spec": spec})
    try:
        job = Job(cluster, namespace="elsewhere", className="large")
        job.until(lambda job: job.condition("Ready").get("reason") == "PodsRefused")
        assert job.status["message"].endswith("Set metadataResources.limits.memory of the AugmentationClass large")
        correction = {"spec": {"metadataResources": {"limits": {"memory": "512Mi"}}}}
        cluster.merge_patch(path_of("augmentationclasses", name="large"), correction)
        (pod,) = job.await_pods("resolve")
        kubelet.start(pod)
        job.until_state("running")
    finally:
        cluster.delete(f"{limits}/small")
        cluster.delete(path_of("augmentationclasses", name="large"))


def test_namespace_of_a_running_job_is_deleted(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    """The Job controller keeps a failed pod whose replacement the namespace no longer takes (kubernetes#108297)."""
    namespace = "deleted-with-its-jobs"
    cluster.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
    job = Job(cluster, namespace=namespace)
    resolve(job, kubelet)
    (pod,) = job.await_pods("augment")
    kubelet.start(pod)
    job.until(lambda job: job.phases().get("provision") == "completed")
    cluster.delete(f"/api/v1/namespaces/{namespace}")

    def is_gone() -> bool:
        if cluster.http.get(f"/api/v1/namespaces/{namespace}").status_code == 404:
            return True
        kubelet.end_deleted_pods(job, "augment")
        return False

    until(is_gone, lambda: cluster.get(f"/api/v1/namespaces/{namespace}"))
