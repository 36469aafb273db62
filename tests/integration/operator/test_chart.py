"""The chart, rendered with everything enabled: the API server accepts each object, field by field."""

import subprocess
from pathlib import Path

import pytest

from devcluster.tools import tool_path
from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import (
    CHART,
    RELEASE,
    SYSTEM_NAMESPACE,
    Cluster,
    OperatorProcess,
    install_chart,
    rendered,
)
from tests.integration.operator.jobs import Job

EVERYTHING = {
    "operator.replicas": "2",
    "gateway.replicas": "2",
    "monitoring.serviceMonitor.enabled": "true",
    "monitoring.alerts.enabled": "true",
    "monitoring.dashboard.enabled": "true",
    "gateway.tls.secretName": "augmentation-tls",
    "gateway.ingress.enabled": "true",
    "gateway.ingress.hosts": "{augmentation.robots.example}",
    "watchNamespaces": "{robots,elsewhere}",
    "jobAuthorityPolicy.anyoneMayUse.secrets": "{shared-token}",
    "jobAuthorityPolicy.anyoneMayUse.claims": "{datasets}",
    "jobAuthorityPolicy.anyoneMayUse.priorityClasses": "{research}",
}


def test_every_object_of_the_chart_is_accepted(cluster: Cluster, plane: ControlPlane) -> None:
    objects = rendered(**EVERYTHING)
    # Those kinds belong to the Prometheus operator, which is not here.
    ours = [each for each in objects if each["kind"] not in ("ServiceMonitor", "PrometheusRule")]
    assert len(objects) - len(ours) == 3
    manifest = {"apiVersion": "v1", "kind": "List", "items": ours}
    said = plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", manifest=manifest)
    assert len(said.splitlines()) == len(ours)


def test_gateway_may_read_only_the_secret_of_its_keys() -> None:
    objects = rendered(**{"gateway.keysSecretName": "our-keys"})
    roles = [
        each for each in objects if each["kind"] in ("Role", "ClusterRole") and "gateway" in each["metadata"]["name"]
    ]
    secrets = [rule for each in roles for rule in each["rules"] if "secrets" in rule["resources"]]
    assert secrets == [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["our-keys"], "verbs": ["list", "watch"]}
    ]


def test_chart_passes_lint() -> None:
    done = subprocess.run([tool_path("helm"), "lint", "--strict", CHART], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "value", ["operator.replicas=0", "networkPolicies.apiServerPorts=443", "monitoring.alarms=true"]
)
def test_invalid_chart_value_is_rejected_by_name(value: str) -> None:
    done = subprocess.run(
        [tool_path("helm"), "template", RELEASE, CHART, f"--set={value}"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    name = value.partition("=")[0].split(".")[-1]
    assert name in done.stderr


def test_installation_for_one_namespace_has_rights_on_jobs_in_it_only(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    cluster = Cluster(control_plane)
    for name in ("served", "foreign"):
        cluster.post("/api/v1/namespaces", {"metadata": {"name": name}})
    install_chart(control_plane, "watchNamespaces={served}")
    account = cluster.as_account(SYSTEM_NAMESPACE, "augmentation-operator")
    assert account.may("create", "jobs", "served", group="batch")
    assert not account.may("create", "jobs", "foreign", group="batch")
    assert not account.may("list", "augmentationjobs", "foreign", group="augmentation.dev")
    gateway = cluster.as_account(SYSTEM_NAMESPACE, "augmentation-gateway")
    assert gateway.may("create", "augmentationjobs", "served", group="augmentation.dev")
    assert not gateway.may("list", "augmentationjobs", "foreign", group="augmentation.dev")
    assert gateway.may("list", "augmentationclasses", "", group="augmentation.dev")

    operator = OperatorProcess(control_plane, tmp_path, environment={"AUGMENTATION_NAMESPACES": "served"})
    operator.restart()
    try:
        job = Job(cluster, namespace="served")
        job.until(lambda job: "resolve" in job.children())
        job.until(lambda job: job.state == "queued")
        assert "forbidden" not in operator.log, operator.log[-4000:]
        assert operator.is_running
    finally:
        operator.stop()
