"""Datasets on a PersistentVolumeClaim: results written to it and sources read from it."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from devcluster.demo.installation import Installation
from tests.e2e.user import User
from tests.lerobot_check import check_opens_in_lerobot

TIMEOUT_SECONDS = 120.0
OPEN_TO_ALL = "import os; os.chmod('/volume', 0o777)"


@pytest.fixture
def claim(user: User, installation: Installation) -> Iterator[str]:
    """A claim whose volume is a world-writable folder of a node, like an export of a file server."""
    name = f"data-{uuid4().hex[:8]}"
    path = {"path": f"/var/local/{name}", "type": "DirectoryOrCreate"}
    image = installation.kubectl.run("get", "augmentationclasses", "-o", "jsonpath={.items[0].spec.image}")
    container = {
        "name": "open",
        "image": image,
        "command": ["python3", "-c", OPEN_TO_ALL],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "volume", "mountPath": "/volume"}],
    }
    pod_spec = {"restartPolicy": "Never", "containers": [container], "volumes": [{"name": "volume", "hostPath": path}]}
    metadata = {"name": name, "namespace": "default"}
    installation.kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec})
    node = _node_of_ended_pod(installation, name)
    where = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    volume = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "hostPath": path,
        "claimRef": {"name": name, "namespace": user.namespace},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [where]}]}},
    }
    pod = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "resources": {"requests": {"storage": "1Gi"}},
        "volumeName": name,
    }
    installation.kubectl.apply(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": volume},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": user.namespace},
            "spec": pod,
        },
    )
    yield name
    installation.kubectl.run("delete", "persistentvolumeclaim", name, "-n", user.namespace, "--wait=false")
    installation.kubectl.run("delete", "persistentvolume", name, "--wait=false")
    installation.kubectl.run("delete", "pod", name, "-n", "default", "--wait=false")


def _node_of_ended_pod(installation: Installation, name: str) -> str:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        pod: dict[str, Any] = installation.kubectl.get("pod", name, "default") or {}
        if pod.get("status", {}).get("phase") == "Succeeded":
            return str(pod["spec"]["nodeName"])
        assert time.monotonic() < deadline, pod.get("status")
        time.sleep(0.5)


def test_result_on_volume_is_source_of_next_job(user: User, claim: str) -> None:
    first = user.apply(
        f"onto-{claim}",
        {
            "source": {"hub": {"repoID": "demo/pusht"}},
            "output": {"volume": {"claimName": claim, "path": "results/pusht"}},
            "augmentation": {"copies": 1, "episodes": "0:2"},
        },
    )
    output = user.complete(first)["output"]
    assert (output["dataset_id"], output["episodes"]) == (f"{claim}:results/pusht", 8)

    result = user.new_dataset_id("from-a-volume")
    second = user.apply(
        f"from-{claim}",
        {
            "source": {"volume": {"claimName": claim, "path": "results/pusht"}},
            "output": {"mode": "inPlace", "hub": {"repoID": result}},
            "augmentation": {"transforms": ["noise", "blur"], "episodes": "7"},
        },
    )
    status = user.complete(second)
    assert status["output"]["episodes"] == 8
    folder = user.download(result)
    assert (folder / "meta/augmentation.png").stat().st_size > 1000
    check_opens_in_lerobot(folder, result, episodes=8, frames=status["output"]["frames"])
