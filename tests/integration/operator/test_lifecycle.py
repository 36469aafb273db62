"""The lifecycle of a job with a real API server and Job controller: from `kubectl apply` to a published dataset."""

import time

from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import Cluster, Json, OperatorProcess, path_of, until
from tests.integration.operator.jobs import Job, StandInKubelet, augment, publish, resolve

PHASES = ("resolve", "provision", "augment", "publish")


def owner_of(job: Json, field: str) -> set[str]:
    """The field managers that own a field of the status."""
    return {
        entry["manager"]
        for entry in job["metadata"]["managedFields"]
        if f"f:{field}" in entry["fieldsV1"].get("f:status", {})
    }


def test_job_applied_by_kubectl_begins_to_resolve(
    operator: OperatorProcess, plane: ControlPlane, cluster: Cluster
) -> None:
    manifest = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"name": "by-kubectl", "namespace": "robots"},
        "spec": {"source": {"hub": {"repoID": "lab/kitchen"}}},
    }
    plane.kubectl("apply", "-f", "-", manifest=manifest)
    job = Job(cluster, name="by-kubectl")
    job.until(lambda job: job.condition("Accepted").get("status") == "True")
    job.await_pods("resolve")
    assert job.status["className"] == "cpu"
    columns = plane.kubectl("get", "aj", "by-kubectl", "--namespace", "robots").splitlines()[0].split()
    assert columns == ["NAME", "STATE", "REASON", "PHASE", "PROGRESS", "TYPE", "NODE", "AGE"]


def test_completed_job_has_the_status_fields_of_every_writer(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster)
    worker = resolve(job, kubelet)
    augment(job, kubelet, worker)
    job.until(lambda job: job.phases().get("publish") == "in_progress")
    placement = job.status["placement"]
    publish(job, kubelet, worker)
    job.until_state("completed")

    status = job.status
    assert job.phases() == dict.fromkeys(PHASES, "completed")
    assert placement["instanceType"] == "g6.xlarge"
    assert (placement["region"], placement["zone"], placement["accelerator"]) == (
        "eu-north-1",
        "eu-north-1a",
        "NVIDIA-L4",
    )
    # Written by workers while the operator wrote around it, and the other way round.
    assert status["source"]["revision"] == "c0ffee"
    assert status["output"]["revision"] == "beef"
    assert [shard["frames"]["done"] for shard in status["shards"]] == [1500]
    resolved = next(phase for phase in status["phases"] if phase["name"] == "resolve")
    assert [event["message"] for event in resolved["events"]] == ["10 episodes"]
    assert status["progress"]["percent"] == 100

    body = job.read()
    assert owner_of(body, "source") == {"augmentation-worker-resolve"}
    assert owner_of(body, "output") == {"augmentation-worker-publish"}
    assert owner_of(body, "shards") == {"augmentation-worker-shard-0"}
    assert owner_of(body, "state") == {"augmentation-operator"}
    assert list(job.children()) == ["augment", "publish", "resolve"]


def test_jobs_of_the_same_name_in_two_namespaces_are_independent(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    jobs = [Job(cluster, name="twin", namespace=namespace) for namespace in ("robots", "elsewhere")]
    workers = [resolve(job, kubelet) for job in jobs]
    for job, worker in zip(jobs, workers, strict=True):
        augment(job, kubelet, worker)
    publish(jobs[0], kubelet, workers[0])
    jobs[0].until_state("completed")
    assert jobs[1].state == "running"
    publish(jobs[1], kubelet, workers[1])
    jobs[1].until_state("completed")


def test_job_without_changes_is_not_written(operator: OperatorProcess, cluster: Cluster) -> None:
    job = Job(cluster)
    job.await_pods("resolve")

    def stays_for_two_seconds(job: Job) -> bool:
        before = job.read()["metadata"]["resourceVersion"]
        time.sleep(2)
        return bool(job.read()["metadata"]["resourceVersion"] == before)

    # Not at once: the pod is news to it. A job that is written again and again never stays.
    job.until(stays_for_two_seconds)


def test_children_are_deleted_with_their_job(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster)
    resolve(job, kubelet)
    job.await_pods("augment")
    cluster.delete(job.path())

    def left() -> list[str]:
        kinds = ("jobs", "pods", "configmaps", "serviceaccounts", "roles", "rolebindings")
        return [kind for kind in kinds if cluster.items(kind, job.namespace, job_uid=job.uid)]

    until(lambda: not left(), left)


def test_job_is_deleted_after_its_time_to_live(operator: OperatorProcess, cluster: Cluster) -> None:
    job = Job(cluster, cancel=True, ttlSecondsAfterFinished=1)
    items = path_of("augmentationjobs", job.namespace)
    until(lambda: job.uid not in [item["metadata"]["uid"] for item in cluster.get(items)["items"]], lambda: job.status)


def test_kubectl_describe_shows_the_events_of_a_job(
    operator: OperatorProcess, plane: ControlPlane, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster)
    worker = resolve(job, kubelet)
    augment(job, kubelet, worker)
    publish(job, kubelet, worker)
    job.until_state("completed")

    def described() -> str:
        return plane.kubectl("describe", "augmentationjob", job.name, "--namespace", job.namespace)

    until(lambda: "Published" in described(), described)
    events = described().rpartition("Events:")[2]
    # What happens within a write of the status is one Event, however fast the job is.
    for news in ("resolve has begun", "running on node-a", "publish has begun", "the result is published"):
        assert events.count(news) == 1, events


def test_metrics_count_the_jobs(operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet) -> None:
    ended = 'augmentation_jobs_ended_total{namespace="robots",reason="",state="completed"}'
    before = operator.metrics()
    job = Job(cluster)
    worker = resolve(job, kubelet)
    augment(job, kubelet, worker)
    publish(job, kubelet, worker)
    job.until_state("completed")
    until(lambda: operator.metrics().get(ended, 0) == before.get(ended, 0) + 1, operator.metrics)
    now = operator.metrics()
    assert now["augmentation_operator_leads"] == 1
    assert now['augmentation_jobs{namespace="robots",state="completed"}'] >= 1
    assert (
        now["augmentation_operator_reconcile_seconds_count"] > before["augmentation_operator_reconcile_seconds_count"]
    )
