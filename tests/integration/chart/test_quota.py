"""Pods of the product in a namespace with a quota on every countable resource."""

import pytest

from augmentation_api import PhaseName
from augmentation_operator.manifests.worker_pod import worker_pod
from tests.integration.chart.helm_template import Json, pod_specs, rendered
from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import Cluster, path_of
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster, make_class

NAMESPACE = "with-a-quota"
COUNTED = ("cpu", "memory", "ephemeral-storage")
HARD = {f"{kind}.{amount}": "1000Gi" for kind in ("requests", "limits") for amount in COUNTED}
CHART_CPU: Json = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "4Gi"}}


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Cluster:
    cluster = Cluster(control_plane)
    cluster.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    cluster.post(path_of("serviceaccounts", NAMESPACE), {"metadata": {"name": "default"}})
    cluster.post(path_of("resourcequotas", NAMESPACE), {"metadata": {"name": "all"}, "spec": {"hard": HARD}})
    # Status that the quota controller would write: the API server admits nothing before it.
    cluster.merge_patch(
        path_of("resourcequotas", NAMESPACE, "all", "status"),
        {"status": {"hard": HARD, "used": dict.fromkeys(HARD, "0")}},
    )
    return cluster


def check_admitted(cluster: Cluster, spec: Json) -> None:
    """Create a pod; raise HTTPStatusError with the API server's message if it is rejected."""
    # The service accounts do not exist, and are irrelevant to the quota.
    cluster.post(f"{path_of('pods', NAMESPACE)}?dryRun=All", {"metadata": {"generateName": "pod-"}, "spec": spec})


def test_quota_rejects_pod_without_requests_and_limits(cluster: Cluster) -> None:
    with pytest.raises(Exception, match=r"must specify limits\.cpu"):
        check_admitted(cluster, {"containers": [{"name": "probe", "image": "probe"}]})


def test_pods_of_chart_are_admitted(cluster: Cluster) -> None:
    for spec in pod_specs(rendered()).values():
        check_admitted(cluster, spec)


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
@pytest.mark.parametrize("resources", [{}, CHART_CPU], ids=["a class without resources", "the chart's class cpu"])
def test_worker_pods_are_admitted(cluster: Cluster, phase: PhaseName, resources: Json) -> None:
    template = worker_pod(SimulatedCluster().job, make_class(resources=resources), phase, 2)
    check_admitted(cluster, template["spec"])
