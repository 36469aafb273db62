"""Kueue on the cluster, for those who want queues with quotas: compiled from its Go module, installed by its own chart.

No part of `up`: clusters, the demo and all tests but those of queues do without it.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devcluster import commands, pins
from devcluster.caches import remove_go_caches
from devcluster.errors import DevclusterError
from devcluster.images import Destination
from devcluster.locking import held
from devcluster.process import output_of, run_logged
from devcluster.progress import say, step
from devcluster.provider import Provider, detect_provider
from devcluster.settings import Settings
from devcluster.tool_image import publish_tool
from devcluster.tools import go_module, tool_path, tool_set_folder

NAMESPACE = "kueue-system"
_RELEASE = "kueue"
_REPOSITORY = "kueue"
# A static binary needs nothing else. The chart starts it as /manager.
_DOCKERFILE = "FROM scratch\nCOPY manager /manager\nUSER 65532:65532\n"
_GROUP = "kueue.x-k8s.io"
_MANAGED = tuple(
    f"{kind}.{_GROUP}" for kind in ("workloads", "localqueues", "clusterqueues", "resourceflavors", "admissionchecks")
)
"""In the order in which they let go of each other."""
_WEBHOOK_SECONDS = 120
_CONFIGURATION = {
    "apiVersion": "config.kueue.x-k8s.io/v1beta2",
    "kind": "Configuration",
    "health": {"healthProbeBindAddress": ":8081"},
    "metrics": {"bindAddress": ":8443"},
    "webhook": {"port": 9443},
    # There is one; waiting for the lease of one that was killed would only cost time.
    "leaderElection": {"leaderElect": False},
    # Nothing of the cluster but batch Jobs passes through its webhooks.
    "integrations": {"frameworks": ["batch/job"]},
}


def build(settings: Settings) -> int:
    """Compile Kueue, once for each pin: some six minutes of a processor."""
    ensure_kueue(settings.cache)
    return 0


def ensure_kueue(cache: Path) -> tuple[Path, Path]:
    """Kueue's program and its chart, which lies in its Go module; kept together."""
    folder = tool_set_folder(pins.KUEUE_TOOL_SET, cache)
    program, chart = folder / "kueue", folder / "chart"
    if not chart.exists():
        tool_path("kueue", cache)
        with held(cache / "build.lock", "building"):
            unfinished = folder / f".chart.{os.getpid()}"
            shutil.copytree(go_module("kueue", "sigs.k8s.io/kueue", cache) / "charts" / "kueue", unfinished)
            shutil.rmtree(chart, ignore_errors=True)
            unfinished.rename(chart)
        remove_go_caches(cache)
    return program, chart


def up(settings: Settings) -> int:
    """Install Kueue, or see that it is there."""
    program, chart = ensure_kueue(settings.cache)
    provider = detect_provider() if settings.existing else commands.require_recorded(settings).provider
    destination = commands.destination(settings)
    with held(settings.lock, f"with cluster {settings.name}"):
        tag = _publish(program, provider, destination, settings.cache)
        with step(f"install Kueue {pins.KUEUE}") as running, _file(chart_values(destination.pull, tag)) as values:
            run_logged(
                [
                    tool_path("helm", settings.cache), "upgrade", "--install", _RELEASE, chart,
                    "--namespace", NAMESPACE, "--create-namespace", "--values", values, "--wait", "--timeout", "5m",
                ],
                _log(settings),
                running=running,
                environment=_environment(settings),
            )  # fmt: skip
        _wait_for_webhooks(settings)
    say(f"Kueue {pins.KUEUE} is up in namespace {NAMESPACE}.")
    return 0


def down(settings: Settings) -> int:
    """Remove Kueue, with its CRDs and so with every queue."""
    kubectl, helm = tool_path("kubectl", settings.cache), tool_path("helm", settings.cache)
    environment = _environment(settings)
    with held(settings.lock, f"with cluster {settings.name}"), step("remove Kueue") as running:
        # While it still runs: its finalizers keep what it manages, and so its CRDs, from going after that.
        for kinds in _MANAGED:
            if output_of([kubectl, "get", kinds, "--all-namespaces", "--output", "name"], environment=environment):
                run_logged(
                    [kubectl, "delete", kinds, "--all", "--all-namespaces", "--timeout=60s"],
                    _log(settings),
                    running=running,
                    environment=environment,
                )
        run_logged(
            [helm, "uninstall", _RELEASE, "--namespace", NAMESPACE, "--ignore-not-found", "--wait"],
            _log(settings),
            running=running,
            environment=environment,
        )
    return 0


def _wait_for_webhooks(settings: Settings) -> None:
    """Wait until Kueue's webhooks answer the API server, which a ready pod does not promise.

    Its Service has no endpoint on a node until kube-proxy has read it, and the webhooks' certificates are rotated once
    at start-up. A dry run calls them and creates nothing.
    """
    flavor = {"apiVersion": f"{_GROUP}/v1beta2", "kind": "ResourceFlavor", "metadata": {"name": "webhook-check"}}
    kubectl = tool_path("kubectl", settings.cache)
    deadline = time.monotonic() + _WEBHOOK_SECONDS
    with step("wait for Kueue's webhooks"), _file(flavor) as file:
        while True:
            answer = subprocess.run(
                [kubectl, "apply", "--server-side", "--dry-run=server", "--filename", file],
                env={**os.environ, **_environment(settings)},
                capture_output=True,
                text=True,
                check=False,
            )
            if answer.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise DevclusterError(f"Kueue's webhooks do not answer: {answer.stderr.strip()[-1000:]}")
            time.sleep(1)


def chart_values(pull_from: str, tag: str) -> dict[str, Any]:
    """Values of the chart: our image, and resources that a small node can give."""
    return {
        "controllerManager": {
            "manager": {
                "image": {"repository": f"{pull_from}/{_REPOSITORY}", "tag": tag, "pullPolicy": "IfNotPresent"},
                "resources": {
                    "requests": {"cpu": "50m", "memory": "128Mi"},
                    "limits": {"cpu": "2", "memory": "512Mi"},
                },
            },
            "readinessProbe": {"initialDelaySeconds": 1, "periodSeconds": 2},
        },
        "managerConfig": {"controllerManagerConfigYaml": json.dumps(_CONFIGURATION)},
    }


def _publish(program: Path, provider: Provider, destination: Destination, cache: Path) -> str:
    """Bring the image to the registry unless it is there; its tag, which changes with the pins."""
    return publish_tool(
        pins.KUEUE_TOOL_SET, _REPOSITORY, _DOCKERFILE, {"manager": program}, provider, destination, cache
    )


@contextmanager
def _file(values: dict[str, Any]) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(values, file)
        file.flush()
        yield file.name


def _environment(settings: Settings) -> dict[str, str]:
    return {"KUBECONFIG": commands.environment(settings)["KUBECONFIG"]}


def _log(settings: Settings) -> Path:
    return settings.cache / "logs" / "kueue.log"
