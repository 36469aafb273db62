"""An API server that becomes unavailable, and an operator that serves selected namespaces."""

from pathlib import Path

from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import Cluster, OperatorProcess
from tests.integration.operator.jobs import Job, StandInKubelet, resolve


def test_operator_recovers_from_an_unavailable_api_server(
    operator_process: OperatorProcess, plane: ControlPlane, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    if not operator_process.is_running:
        operator_process.restart()
    job = Job(cluster)
    job.await_pods("resolve")
    plane.stop_api_server(abruptly=True)
    plane.start_api_server()
    resolve(job, kubelet)
    job.await_pods("augment")
    Job(cluster).await_pods("resolve")
    assert operator_process.is_running


def test_operator_of_selected_namespaces_ignores_the_others(
    operator_process: OperatorProcess, plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    if operator_process.is_running:
        operator_process.stop()
    limited = OperatorProcess(plane, tmp_path, environment={"AUGMENTATION_NAMESPACES": "robots, nowhere"})
    limited.restart()
    try:
        not_ours, ours = Job(cluster, namespace="elsewhere"), Job(cluster, namespace="robots")
        ours.await_pods("resolve")
        assert not_ours.status == {}
    finally:
        limited.stop()
