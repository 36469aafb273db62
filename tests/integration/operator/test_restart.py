"""New attempts of a job with a real API server: finished work is kept, also across a kill of the operator."""

import pytest

from augmentation_api import FailureReason
from tests.integration.operator.cluster import Cluster, OperatorProcess, path_of
from tests.integration.operator.jobs import Job, StandInKubelet, augment, publish, resolve


def fail_augment(job: Job, kubelet: StandInKubelet) -> None:
    (pod,) = job.await_pods("augment")
    kubelet.start(pod)
    kubelet.give_up(pod, FailureReason.SOURCE_INVALID, "episode 3 is broken")
    job.until_state("failed")


@pytest.mark.parametrize("killed", [False, True])
def test_failed_job_restarts_at_the_failed_phase_and_keeps_its_records(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet, killed: bool
) -> None:
    job = Job(cluster)
    worker = resolve(job, kubelet)
    job.await_pods("augment")
    record = path_of("configmaps", job.namespace, f"{job.name}-{job.uid[:8]}-shard-0")
    worker.account("augment").merge_patch(record, {"data": {"episode-0": "done"}})
    fail_augment(job, kubelet)
    if killed:
        operator.kill()
    job.change(attempt=1)
    if killed:
        operator.restart()
    job.until(lambda job: job.status.get("attempt") == 1)
    augment(job, kubelet, worker)
    assert cluster.get(record)["data"] == {"episode-0": "done"}
    publish(job, kubelet, worker)
    job.until_state("completed")
    assert job.condition("Failed")["status"] == "False"
    children = {child["metadata"]["name"] for child in cluster.items("jobs", job.namespace, job_uid=job.uid)}
    prefix = f"{job.name}-{job.uid[:8]}"
    assert children == {f"{prefix}-augment-1", f"{prefix}-publish-1"}


def test_cancelled_job_restarts(operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet) -> None:
    job = Job(cluster)
    job.await_pods("resolve")
    job.change(cancel=True)
    job.until(lambda job: kubelet.end_deleted_pods(job, "resolve") or job.state == "cancelled")
    job.until_state("cancelled")
    job.change(cancel=False, attempt=1)
    worker = resolve(job, kubelet)
    augment(job, kubelet, worker)
    publish(job, kubelet, worker)
    job.until_state("completed")


def test_deleted_job_leaves_no_objects(operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet) -> None:
    job = Job(cluster)
    resolve(job, kubelet)
    (pod,) = job.await_pods("augment")
    kubelet.start(pod)
    cluster.delete(job.path(), propagationPolicy="Background")

    def is_gone(job: Job) -> bool:
        kubelet.end_deleted_pods(job, "augment")
        kinds = ("jobs", "pods", "configmaps", "serviceaccounts", "roles", "rolebindings")
        return not any(cluster.items(kind, job.namespace, job_uid=job.uid) for kind in kinds)

    job.until(is_gone)
