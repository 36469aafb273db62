"""The chart as `helm template` renders it, and what of it is looked for."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from devcluster.tools import tool_path

CHART = Path(__file__).resolve().parents[3] / "deploy" / "helm" / "augmentation-operator"
NAMESPACE = "augmentation-system"

Json = dict[str, Any]


def helm(*arguments: str | Path, values: Json | None = None) -> subprocess.CompletedProcess[str]:
    """Run helm; `values` are given as a file would be."""
    given = ["--values", "-"] if values is not None else []
    return subprocess.run(
        [tool_path("helm"), *arguments, *given],
        input=yaml.safe_dump(values) if values is not None else None,
        capture_output=True,
        text=True,
        check=False,
    )


def rendered(values: Json | None = None) -> list[Json]:
    """The objects of the chart with these values."""
    done = helm("template", "test", CHART, "--namespace", NAMESPACE, values=values or {})
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def refusal(values: Json) -> str:
    """What helm says of values that it refuses."""
    done = helm("template", "test", CHART, "--namespace", NAMESPACE, values=values)
    assert done.returncode != 0
    return done.stderr


def notes(values: Json | None = None) -> str:
    """What `helm install` prints."""
    done = helm("install", "test", CHART, "--namespace", NAMESPACE, "--dry-run=client", values=values or {})
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:")[2]


def one(objects: list[Json], kind: str, name: str) -> Json:
    """The object of this kind and name."""
    (found,) = (each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name)
    return found


def pod_specs(objects: list[Json]) -> dict[str, Json]:
    """The pods that the chart makes: name → spec."""
    found = {}
    for each in objects:
        if each["kind"] == "Pod":
            found[each["metadata"]["name"]] = each["spec"]
        elif each["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
            found[each["metadata"]["name"]] = each["spec"]["template"]["spec"]
    return found
