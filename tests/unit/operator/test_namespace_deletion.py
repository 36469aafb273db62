"""A namespace that is deleted with its jobs: their Jobs go first, as Kubernetes would wait for their pods forever."""

import pytest

from augmentation_api import ConditionType, PhaseName, State
from augmentation_kube import Resource
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster
from tests.unit.operator.simulated_jobs import NAMESPACE


def delete_namespace(cluster: SimulatedCluster) -> None:
    cluster.kube.put(Resource.NAMESPACES, {"metadata": {"name": NAMESPACE, "finalizers": ["kubernetes"]}})
    cluster.kube.delete_now(Resource.NAMESPACES, NAMESPACE)


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
@pytest.mark.parametrize("runs", [True, False])
def test_jobs_are_deleted_and_none_is_created(phase: PhaseName, runs: bool) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    if runs:
        cluster.start_pod(phase)
        cluster.settle()
    created = cluster.created_jobs
    delete_namespace(cluster)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert all(job.is_over for job in cluster.jobs.values())
    assert not cluster.running_pods
    assert cluster.created_jobs == created
    placed = cluster.status.condition(ConditionType.PLACED)
    assert placed is not None
    assert placed.reason == "NamespaceTerminating"


def test_operator_is_woken_by_the_deletion_of_the_namespace() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    operator = cluster.operator()
    operator.due.clear()
    delete_namespace(cluster)
    operator.catch_up(Resource.NAMESPACES)
    assert operator.next == cluster.uid


def test_result_that_was_published_before_still_counts() -> None:
    cluster = SimulatedCluster()
    cluster.reach(PUBLISH)
    cluster.start_pod(PUBLISH)
    cluster.report_output()
    cluster.succeed_pod(PUBLISH)
    delete_namespace(cluster)
    cluster.settle()
    assert cluster.status.state == State.COMPLETED


def test_job_that_cannot_be_read_is_stopped_too() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    name = cluster.job_name(AUGMENT)
    cluster.change(type="something new")
    delete_namespace(cluster)
    cluster.reconcile()
    assert name not in cluster.jobs
