"""The chart as `helm template` renders it, and queries on it."""

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from devcluster.tools import tool_path

CHART = Path(__file__).resolve().parents[3] / "deploy" / "helm" / "augmentation-operator"
RELEASE = "augmentation"
NAMESPACE = "augmentation-system"

Json = dict[str, Any]


def helm(*arguments: str | Path, values: Json | None = None) -> subprocess.CompletedProcess[str]:
    """Run helm with `values` as a values file."""
    options = ["--values", "-"] if values is not None else []
    return subprocess.run(
        [tool_path("helm"), *arguments, *options],
        input=yaml.safe_dump(values) if values is not None else None,
        capture_output=True,
        text=True,
        check=False,
    )


def rendered(values: Json | None = None) -> list[Json]:
    """The objects of the chart with these values; rendered once per run, so that they must not be changed."""
    return _rendered(json.dumps(values or {}))


@functools.cache
def _rendered(values: str) -> list[Json]:
    done = helm("template", RELEASE, CHART, "--namespace", NAMESPACE, values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.load_all(done.stdout, yaml.CSafeLoader) if document]


def refusal(values: Json) -> str:
    """Error message of helm for invalid values."""
    done = helm("template", RELEASE, CHART, "--namespace", NAMESPACE, values=values)
    assert done.returncode != 0
    return done.stderr


def notes(values: Json | None = None) -> str:
    """Notes that `helm install` prints."""
    done = helm("install", RELEASE, CHART, "--namespace", NAMESPACE, "--dry-run=client", values=values or {})
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:")[2]


def one(objects: list[Json], kind: str, name: str) -> Json:
    """The only object of this kind and name."""
    (match,) = (item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name)
    return match


def pod_specs(objects: list[Json]) -> dict[str, Json]:
    """The pods of the chart: name → spec."""
    specs = {}
    for item in objects:
        if item["kind"] == "Pod":
            specs[item["metadata"]["name"]] = item["spec"]
        elif item["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
            specs[item["metadata"]["name"]] = item["spec"]["template"]["spec"]
    return specs
