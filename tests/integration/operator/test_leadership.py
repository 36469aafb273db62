"""Leader election of two operators: the standby takes over when the leader is killed."""

import time
from collections.abc import Iterator

import pytest

from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import SYSTEM_NAMESPACE, Cluster, OperatorProcess, until
from tests.integration.operator.jobs import Job, StandInKubelet, augment, publish, resolve

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}/leases/augmentation-operator"


def holder(cluster: Cluster) -> str:
    """Who holds the leader lease; empty: nobody, or there is none."""
    found = cluster.http.get(LEASE)
    return str(found.json()["spec"].get("holderIdentity", "")) if found.is_success else ""


@pytest.fixture
def second(
    operator: OperatorProcess, plane: ControlPlane, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    # The first answers before it holds the lease, which the second might be faster to take.
    until(lambda: holder(cluster) == "first", lambda: operator.log[-2000:])
    process = OperatorProcess(plane, tmp_path_factory.mktemp("second-operator"), identity="second")
    process.start()
    try:
        process.await_ready()
        yield process
    finally:
        if process.is_running:
            process.stop()


def test_standby_takes_over_from_a_killed_leader(
    operator: OperatorProcess, second: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster)
    worker = resolve(job, kubelet)
    job.await_pods("augment")
    assert holder(cluster) == "first"
    operator.kill()
    killed = time.monotonic()
    augment(job, kubelet, worker)
    job.until(lambda job: job.pods("publish"))
    print(f"the other went on after {time.monotonic() - killed:.1f} s")
    assert holder(cluster) == "second"
    publish(job, kubelet, worker)
    job.until_state("completed")

    operator.restart()  # and waits, since another leads
    assert second.stop() == 0
    Job(cluster).await_pods("resolve")
    assert holder(cluster) == "first"


def test_leader_that_lost_its_lease_stands_by_and_leads_again(operator: OperatorProcess, cluster: Cluster) -> None:
    Job(cluster).await_pods("resolve")
    cluster.merge_patch(LEASE, {"spec": {"holderIdentity": "somebody-else", "leaseDurationSeconds": 6}})
    until(lambda: "the leader lease is held by somebody-else" in operator.log, lambda: operator.log[-2000:])
    job = Job(cluster)
    job.await_pods("resolve")
    assert holder(cluster) == "first"
