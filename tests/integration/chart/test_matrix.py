"""The chart with each values file of its folder ci/: both Helms render the same, and the API server accepts it."""

import functools
import subprocess
from pathlib import Path

import pytest
import yaml

from devcluster.tools import tool_path
from tests.integration.chart.helm_template import CHART, RELEASE, Json
from tests.integration.control_plane import ControlPlane

FILES = sorted((CHART / "ci").glob("*-values.yaml"))
NAMESPACE = "matrix-system"
NAMESPACES = (NAMESPACE, "robots-a", "robots-b")
FOREIGN_GROUPS = ("monitoring.coreos.com", "gateway.networking.k8s.io")
"""Kinds of the Prometheus operator and of the Gateway API, which the API server of the tests does not have."""


@functools.cache
def manifests(helm: str, values: Path) -> str:
    """What `helm template` prints, once per run."""
    return print_template(helm, values)


def print_template(helm: str, values: Path) -> str:
    done = subprocess.run(
        [tool_path(helm), "template", RELEASE, CHART, "--namespace", NAMESPACE, "--values", values],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text: str) -> list[Json]:
    return [each for each in yaml.load_all(text, yaml.CSafeLoader) if each]


def by_identity(text: str) -> dict[tuple[str, str, str], Json]:
    found = objects(text)
    named = {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in found}
    assert len(named) == len(found), "an object occurs twice"
    return named


@pytest.mark.parametrize("values", FILES, ids=lambda path: path.name.removesuffix("-values.yaml"))
def test_helm_3_and_helm_4_render_the_same(values: Path) -> None:
    assert by_identity(manifests("helm3", values)) == by_identity(manifests("helm", values))


def test_rendering_twice_gives_the_same_bytes() -> None:
    everything = CHART / "ci" / "everything-values.yaml"
    assert manifests("helm", everything) == print_template("helm", everything)


def test_api_server_accepts_every_object(control_plane: ControlPlane) -> None:
    needed: list[Json] = [
        *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": each}} for each in NAMESPACES),
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "infra"}, "value": 1},
        {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "gvisor"}, "handler": "runsc"},
    ]
    control_plane.kubectl("apply", "--server-side", "-f", "-", manifest=listed(needed))
    rendered = [each for values in FILES for each in objects(manifests("helm", values))]
    foreign = {each["kind"] for each in rendered if each["apiVersion"].partition("/")[0] in FOREIGN_GROUPS}
    assert foreign == {"ServiceMonitor", "PodMonitor", "PrometheusRule", "HTTPRoute"}
    # The CRDs are the same with all values but their labels; the largest objects, once.
    crds = {each["metadata"]["name"]: each for each in rendered if each["kind"] == "CustomResourceDefinition"}
    ours = [each for each in rendered if each["kind"] not in foreign | {"CustomResourceDefinition"}] + [*crds.values()]
    said = control_plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", manifest=listed(ours))
    assert len(said.splitlines()) == len(ours)


def listed(items: list[Json]) -> Json:
    return {"apiVersion": "v1", "kind": "List", "items": items}
