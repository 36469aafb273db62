"""A class that changes reaches the jobs that wait; one that has begun keeps the class as it was."""

from typing import Any

import pytest

from augmentation_api import PhaseName, State
from augmentation_kube import Resource
from augmentation_operator.queueing.built_in import Place
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster, make_class
from tests.unit.operator.simulated_jobs import NAMESPACE
from tests.unit.operator.simulated_kueue import SimulatedKueue

CORRECTED = {"requests": {"cpu": "2"}, "limits": {"memory": "1Gi"}}
CORRECTED_CLASS: dict[str, Any] = {"resources": CORRECTED, "metadataResources": CORRECTED}


def resources(cluster: SimulatedCluster, phase: PhaseName) -> Any:
    return cluster.job_of(phase).spec["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"]


def correct(cluster: SimulatedCluster, **spec: Any) -> None:
    cluster.classes = (make_class(**(spec or CORRECTED_CLASS)),)


def rest(cluster: SimulatedCluster) -> None:
    """Let some seconds pass, in which pods that are being deleted end."""
    for _ in range(3):
        cluster.settle()
        cluster.end_terminating_pods()
        cluster.pass_time(5)
    cluster.settle()


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT])
def test_corrected_class_reaches_a_job_that_waits(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.wait_for_node(phase)
    cluster.settle()
    correct(cluster)
    rest(cluster)
    assert resources(cluster, phase) == "2"
    if phase == RESOLVE:
        cluster.finish_resolve()
    cluster.finish_augment()
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED


def test_job_that_is_refused_every_pod_is_made_anew() -> None:
    cluster = SimulatedCluster()
    cluster.settle_without_pods()
    correct(cluster)
    cluster.controller.makes_pods = True
    rest(cluster)
    assert resources(cluster, RESOLVE) == "2"


def test_pods_of_a_replaced_job_are_gone_before_the_next_ones_come() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    correct(cluster)
    cluster.settle()
    assert not cluster.has_job(RESOLVE)
    assert [pod.terminating for pod in cluster.running_pods] == [True]
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.has_job(RESOLVE)


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT])
def test_job_whose_pod_runs_is_left_alone(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()
    correct(cluster)
    rest(cluster)
    assert resources(cluster, phase) != "2"
    assert cluster.pod_of(phase).state


def test_job_that_has_begun_keeps_the_class_as_it_was() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    snapshot = cluster.status.class_snapshot
    assert snapshot is not None
    assert snapshot.spec == cluster.classes[0].spec.to_wire()
    correct(cluster)
    cluster.finish_augment()
    assert resources(cluster, PUBLISH) == "250m"
    assert cluster.status.class_snapshot == snapshot


def test_job_that_has_begun_completes_though_its_class_is_deleted() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.classes = ()
    cluster.settle()
    cluster.pass_time(3600)
    cluster.finish_augment()
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED


def test_next_attempt_takes_the_class_as_it_is() -> None:
    cluster = SimulatedCluster(backoffLimitPerShard=0)
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    correct(cluster)
    cluster.fail_pod(AUGMENT, 137)
    rest(cluster)
    assert cluster.status.state == State.FAILED
    cluster.retry()
    rest(cluster)
    assert resources(cluster, AUGMENT) == "2"
    assert cluster.status.class_snapshot is None


@pytest.mark.parametrize(
    "unrelated",
    [{"limits": {"maxJobsPerNamespace": 3}}, {"instanceLabels": {"zone": "z"}}, {"metadataResources": CORRECTED}],
)
def test_change_that_makes_no_difference_to_the_pods_replaces_nothing(unrelated: dict[str, Any]) -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    created = cluster.created_jobs
    correct(cluster, **unrelated)
    rest(cluster)
    assert cluster.created_jobs == created


def test_update_of_the_operator_replaces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    created = cluster.created_jobs
    monkeypatch.setattr("augmentation_operator.manifests.worker_pod._IDENTITY_SECONDS", 7200)
    rest(cluster)
    assert cluster.created_jobs == created


def test_corrected_class_reaches_a_job_in_a_queue_of_kueue() -> None:
    cluster = SimulatedCluster(queueName="team-a")
    cluster.kueue = SimulatedKueue()
    cluster.reach(AUGMENT)
    correct(cluster)
    rest(cluster)
    assert resources(cluster, AUGMENT) == "2"
    assert cluster.job_of(AUGMENT).suspended


def test_queue_of_a_class_is_limited_as_it_is_now() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.change(suspend=True)
    cluster.settle()
    cluster.place = Place(has_slot=False, position=0, depth=1, limit=1)
    cluster.end_terminating_pods()
    cluster.change(suspend=False)
    cluster.settle()
    assert "maxJobsPerNamespace of class cpu is 1" in (cluster.status.message or "")


def test_snapshot_that_cannot_be_read_is_ignored() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    body = cluster.body
    broken = {**body["status"], "classSnapshot": {"spec": {"image": 7}}}
    cluster.kube.put(Resource.AUGMENTATION_JOBS, {**body, "status": broken}, NAMESPACE)
    cluster.finish_augment()
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED
