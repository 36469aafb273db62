"""One control plane with a Job controller, and one operator, for all of these tests."""

from collections.abc import Iterator

import pytest

from devcluster.errors import DevclusterError
from devcluster.tools import tool_path
from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import Cluster, OperatorProcess, install_chart
from tests.integration.operator.jobs import StandInKubelet

CLOUD_ROLE = "arn:aws:iam::111122223333:role/augmentation"
"""The one that workers may have."""
NAMESPACES = ("robots", "elsewhere")
# The namespaces refuse every pod that is not restricted, so each test proves that the workers' are.
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of these tests' own: the Job controller would disturb others, whose Jobs have no pods."""
    try:
        for program in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm"):
            tool_path(program)
    except (DevclusterError, OSError) as error:
        pytest.fail(f"These tests need Kubernetes' own programs, and they cannot be had: {error}", pytrace=False)
    with ControlPlane(tmp_path_factory.mktemp("operator-control-plane")) as plane:
        plane.start_controllers("job-controller", "garbage-collector-controller", "namespace-controller")
        install_chart(plane, rf"operatorPolicy.serviceAccountAnnotations.eks\.amazonaws\.com/role-arn={{{CLOUD_ROLE}}}")
        yield plane


@pytest.fixture(scope="session")
def cluster(plane: ControlPlane) -> Cluster:
    """The API server, as its administrator sees it."""
    administrator = Cluster(plane)
    for name in NAMESPACES:
        administrator.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": RESTRICTED}})
    administrator.await_pods_of_jobs()
    return administrator


@pytest.fixture(scope="session")
def kubelet(cluster: Cluster) -> StandInKubelet:
    """Who starts and ends pods."""
    stand_in = StandInKubelet(cluster)
    stand_in.add_node()
    return stand_in


@pytest.fixture(scope="session")
def operator_process(
    plane: ControlPlane, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    process = OperatorProcess(plane, tmp_path_factory.mktemp("operator"))
    process.start()
    try:
        process.await_ready()
        yield process
    finally:
        if process.is_running:
            process.stop()


@pytest.fixture(autouse=True)
def _controllers(plane: ControlPlane) -> None:
    plane.keep_controllers_running()


@pytest.fixture
def operator(operator_process: OperatorProcess) -> Iterator[OperatorProcess]:
    """The operator, running. A test may kill it; the next one finds it running again."""
    begin = len(operator_process.log)
    if not operator_process.is_running:
        operator_process.restart()
    yield operator_process
    written = operator_process.log[begin:]
    assert "Traceback" not in written, written[-6000:]
    assert "forbidden" not in written, written[-6000:]
