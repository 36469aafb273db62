"""Rights of the chart, an installation for one namespace, and the classes that the operator writes."""

import json
import subprocess
from collections.abc import Iterator
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
    path_of,
    rendered,
    until,
)
from tests.integration.operator.jobs import Job

CLASSES = "/apis/augmentation.dev/v1alpha1/augmentationclasses"
CLASSES_FILE = path_of("configmaps", SYSTEM_NAMESPACE, "augmentation-classes")


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


@pytest.fixture
def bare_plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane of its own: the chart's policies would reject the requests of tests that come after this one."""
    with ControlPlane(tmp_path / "plane") as plane:
        yield plane


def test_installation_for_one_namespace_has_rights_on_jobs_in_it_only(bare_plane: ControlPlane, tmp_path: Path) -> None:
    cluster = Cluster(bare_plane)
    for name in ("served", "foreign"):
        cluster.post("/api/v1/namespaces", {"metadata": {"name": name}})
    install_chart(bare_plane, "watchNamespaces={served}")
    account = cluster.as_account(SYSTEM_NAMESPACE, "augmentation-operator")
    # Roles are followed by the API server, a moment behind.
    until(lambda: account.may("create", "jobs", "served", group="batch"), lambda: "the operator has no right")
    assert not account.may("create", "jobs", "foreign", group="batch")
    assert not account.may("list", "augmentationjobs", "foreign", group="augmentation.dev")
    gateway = cluster.as_account(SYSTEM_NAMESPACE, "augmentation-gateway")
    until(
        lambda: gateway.may("create", "augmentationjobs", "served", group="augmentation.dev"),
        lambda: "the gateway has no right",
    )
    assert not gateway.may("list", "augmentationjobs", "foreign", group="augmentation.dev")
    until(
        lambda: gateway.may("list", "augmentationclasses", "", group="augmentation.dev"),
        lambda: "the gateway has no right to list classes",
    )

    operator = OperatorProcess(bare_plane, tmp_path, environment={"AUGMENTATION_NAMESPACES": "served"})
    wanted = json.loads(cluster.get(CLASSES_FILE)["data"]["classes.json"])
    wanted["cpu"]["image"] = "worker:2"
    cluster.merge_patch(CLASSES_FILE, {"data": {"classes.json": json.dumps(wanted)}})
    cluster.merge_patch(f"{CLASSES}/cpu", {"spec": {"resources": {"limits": {"memory": "8Gi"}}}})
    cluster.delete(f"{CLASSES}/gpu-l4")
    operator.restart()
    try:
        job = Job(cluster, namespace="served")
        job.until(lambda job: "resolve" in job.children())
        job.until(lambda job: job.state == "queued")
        assert "forbidden" not in operator.log, operator.log[-4000:]
        # An upgrade of the release, which leaves what was changed by hand and says so.
        assert cluster.get(f"{CLASSES}/gpu-l4")["spec"]["placements"][0]["name"] == "l4"
        cpu = cluster.get(f"{CLASSES}/cpu")["spec"]
        assert (cpu["image"], cpu["resources"]["limits"]) == ("worker:2", {"memory": "8Gi"})
        assert "spec.resources.limits.memory was changed by hand and stays" in operator.log
        assert operator.is_running
    finally:
        operator.stop()
