"""A whole Kubernetes without machines: real API server, Job controller, garbage collector and scheduler; kwok's nodes.

kwok plays the kubelets: a pod that has a node runs at once and succeeds WORK_SECONDS later.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from devcluster import settings
from devcluster.tools import go_module
from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import install_chart

NAMESPACE = "scale"
NODES = 20
WORK_SECONDS = 2
"""How long each pod runs. All jobs' pods do so at once, so it bounds no rate; reports of workers come meanwhile."""

# The defaults (20 requests a second) are for clusters that are not filled by one user within minutes.
_UNTHROTTLED = ("--kube-api-qps=2000", "--kube-api-burst=4000")

Json = dict[str, Any]


@contextmanager
def scale_cluster() -> Iterator[ControlPlane]:
    """Everything but the controllers that are measured. All of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="operator-scale-") as name, ControlPlane(Path(name)) as plane:
        plane.start_program(
            "kube-controller-manager",
            f"--kubeconfig={plane.kubeconfig}",
            "--controllers=job-controller,garbage-collector-controller",
            "--leader-elect=false",
            "--secure-port=0",
            "--concurrent-job-syncs=20",
            *_UNTHROTTLED,
        )
        plane.start_program("kube-scheduler", f"--config={_scheduler_settings(plane)}", "--secure-port=0")
        plane.start_program("kwok", f"--config={_kwok_settings(plane)}", f"--kubeconfig={plane.kubeconfig}")
        install_chart(plane)
        plane.kubectl("create", "namespace", NAMESPACE)
        for number in range(NODES):
            plane.kubectl("create", "-f", "-", manifest=_node(f"node-{number}"))
        plane.kubectl("wait", "node", "--all", "--for=condition=Ready", "--timeout=30s")
        # Nodes are born with this taint, and the controller that takes it away would want them to have heartbeats.
        plane.kubectl("taint", "nodes", "--all", "node.kubernetes.io/not-ready-")
        yield plane


def _scheduler_settings(plane: ControlPlane) -> Path:
    path = plane.folder / "scheduler.json"
    settings = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "clientConnection": {"kubeconfig": str(plane.kubeconfig), "qps": 2000, "burst": 4000},
    }
    path.write_text(json.dumps(settings))
    return path


def _node(name: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"node.kubernetes.io/instance-type": "stand-in"}},
    }


def _kwok_settings(plane: ControlPlane) -> Path:
    """kwok's own fast stages, but for the time that a pod takes."""
    stages = go_module("kwok", "sigs.k8s.io/kwok", settings.cache_folder(os.environ)) / "kustomize" / "stage"
    documents: list[Json] = [
        {
            "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
            "kind": "KwokConfiguration",
            "options": {"manageAllNodes": True, "podPlayStageParallelism": 16, "nodePlayStageParallelism": 4},
        },
        *(
            yaml.safe_load((stages / kind / "fast" / f"{name}.yaml").read_text())
            for kind, name in (
                ("node", "node-initialize"),
                ("pod", "pod-ready"),
                ("pod", "pod-complete"),
                ("pod", "pod-delete"),
            )
        ),
    ]
    for document in documents:
        if document.get("metadata", {}).get("name") == "pod-complete":
            document["spec"]["delay"] = {"durationMilliseconds": 1000 * WORK_SECONDS}
    path = plane.folder / "kwok.yaml"
    path.write_text(yaml.safe_dump_all(documents))
    return path
