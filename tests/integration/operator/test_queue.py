"""The built-in queue with a real API server: order, positions, and slots that survive a kill."""

from tests.integration.operator.cluster import Cluster, OperatorProcess, path_of
from tests.integration.operator.jobs import Job, StandInKubelet, augment, publish, resolve

PRIORITY = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1000}


def waits(job: Job, position: int) -> bool:
    queue = job.status.get("queue")
    return queue is not None and queue["position"] == position


def test_jobs_of_a_class_with_a_limit_take_turns(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    head = {"apiVersion": "augmentation.dev/v1alpha1", "kind": "AugmentationClass", "metadata": {"name": "one-by-one"}}
    cluster.post(
        path_of("augmentationclasses"), {**head, "spec": {"image": "worker", "limits": {"maxJobsPerNamespace": 1}}}
    )
    cluster.post("/apis/scheduling.k8s.io/v1/priorityclasses", {**PRIORITY, "metadata": {"name": "urgent"}})
    first = Job(cluster, className="one-by-one")
    worker = resolve(first, kubelet)
    first.await_pods("augment")
    second = Job(cluster, className="one-by-one")
    resolve(second, kubelet)
    second.until(lambda job: waits(job, 0))
    urgent = Job(cluster, className="one-by-one", priorityClassName="urgent")
    resolve(urgent, kubelet)
    urgent.until(lambda job: waits(job, 0))
    assert second.condition("Admitted")["reason"] == "Queued"

    operator.kill()
    operator.restart()
    augment(first, kubelet, worker)
    urgent.await_pods("augment")
    assert "augment" not in second.children()
    assert first.condition("Admitted")["status"] == "True"

    urgent.change(cancel=True)
    second.await_pods("augment")
    publish(first, kubelet, worker)
    first.until_state("completed")


def test_job_that_names_a_queue_reports_that_kueue_is_not_installed(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster, queueName="team-a")
    resolve(job, kubelet)
    job.until(lambda job: "Kueue (0.15 or newer) is not installed" in job.status.get("message", ""))
    assert job.condition("Admitted")["reason"] == "KueueNotInstalled"
    assert "augment" not in job.children()
    job.change(cancel=True)
    job.until_state("cancelled")
