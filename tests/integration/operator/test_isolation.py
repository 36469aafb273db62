"""The workers' NetworkPolicy in namespaces of jobs, which the chart does not know if it serves the whole cluster."""

import httpx
import pytest

from tests.integration.operator.cluster import SYSTEM_NAMESPACE, Cluster, OperatorProcess, path_of
from tests.integration.operator.jobs import Job

NAME = "augmentation-workers"


def policy_in(cluster: Cluster, namespace: str) -> dict[str, object]:
    found: dict[str, object] = cluster.get(path_of("networkpolicies", namespace, NAME))
    return found


def test_policy_of_a_namespace_exists_before_its_first_worker(operator: OperatorProcess, cluster: Cluster) -> None:
    cluster.post("/api/v1/namespaces", {"metadata": {"name": "isolated"}})
    job = Job(cluster, namespace="isolated")
    job.until(lambda job: job.children())
    policy = policy_in(cluster, "isolated")
    (child,) = job.children().values()
    assert int(policy["metadata"]["resourceVersion"]) < int(child["metadata"]["resourceVersion"])  # type: ignore[index]


def test_policy_selects_worker_pods_only(operator: OperatorProcess, cluster: Cluster) -> None:
    job = Job(cluster, namespace="elsewhere")
    (pod,) = job.await_pods("resolve")
    (expression,) = policy_in(cluster, "elsewhere")["spec"]["podSelector"]["matchExpressions"]  # type: ignore[index]
    assert expression["operator"] == "Exists"
    assert expression["key"] in pod["metadata"]["labels"]


def test_further_jobs_of_a_namespace_cost_no_further_call(operator: OperatorProcess, cluster: Cluster) -> None:
    Job(cluster).until(lambda job: job.children())
    calls = 'augmentation_operator_api_requests_total{resource="networkpolicies",verb="apply"}'
    before = operator.metrics()
    assert calls in before
    for _ in range(3):
        Job(cluster).until(lambda job: job.children())
    assert operator.metrics()[calls] == before[calls]


def test_operator_reads_only_the_endpoints_of_the_api_server(cluster: Cluster) -> None:
    account = cluster.as_account(SYSTEM_NAMESPACE, "augmentation-operator")
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    assert account.get(f"{slices}/kubernetes")["endpoints"]
    for path in (slices, "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"):
        with pytest.raises(httpx.HTTPStatusError, match="forbidden"):
            account.get(path)
