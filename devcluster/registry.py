"""The local registry, from which the node pulls what `images` pushed.

With podman it is a process of this machine that listens on the cluster's bridge alone, so that this machine and the
node reach it and nobody else; with Docker it is a container, as kind documents it.
Its data lies in the cache, by cluster name: a recreated cluster pulls what was pushed before.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import cast

from devcluster import pins
from devcluster.errors import DevclusterError
from devcluster.process import output_of, run_logged
from devcluster.progress import Step
from devcluster.tools import tool_path

# Of each image: the one in use and the one before, for a roll-back.
GENERATIONS = 2
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


def registry_data(cache: Path, cluster: str) -> Path:
    """Where a cluster's registry keeps its blobs."""
    return cache / "registry" / cluster


def registry_config(data: Path, address: str) -> str:
    """The configuration of the distribution registry, as JSON, which is YAML too."""
    config = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(data)}, "delete": {"enabled": True}},
        "http": {"addr": address},
    }
    return json.dumps(config, indent=1) + "\n"


def answers(address: str, timeout: float = 2.0) -> bool:
    """Whether a registry that speaks plain HTTP answers at host:port."""
    try:
        with _open(f"http://{address}/v2/", timeout) as response:
            return response.status == 200
    except (OSError, ValueError):
        return False


def digest_of(address: str, repository: str, tag: str, timeout: float = 10.0) -> str | None:
    """The digest (sha256:…) of a tag, or None where the registry lacks it or wants another way of talking."""
    request = urllib.request.Request(
        f"http://{address}/v2/{repository}/manifests/{tag}",
        method="HEAD",
        headers={"Accept": ", ".join(MANIFEST_TYPES)},
    )
    try:
        with _open(request, timeout) as response:
            digest = response.headers.get("Docker-Content-Digest")
            return digest or None
    except (OSError, ValueError):
        return None


def _open(request: str | urllib.request.Request, timeout: float) -> http.client.HTTPResponse:
    # A proxy set in the environment would be asked for an address that only this machine has.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return cast(http.client.HTTPResponse, direct.open(request, timeout=timeout))


class RegistryProcess:
    """The registry as a process of this machine, with its pid file, settings and log in the state folder."""

    def __init__(self, cluster: str, state: Path, cache: Path) -> None:
        self._cache = cache
        self.data = registry_data(cache, cluster)
        self.config = state / "registry.json"
        self.log = state / "registry.log"
        self._pid_file = state / "registry.pid"

    def start(self, address: str) -> None:
        """Start it detached on host:port and wait until it answers. Raises DevclusterError where it does not."""
        self.stop()
        self.data.mkdir(parents=True, exist_ok=True)
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(registry_config(self.data, address), encoding="utf-8")
        program = tool_path("registry", self._cache)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [program, "serve", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # It would look for a collector of traces for ever.
                env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
            )
        self._pid_file.write_text(str(process.pid), encoding="ascii")
        deadline = time.monotonic() + 15
        while not answers(address):
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise DevclusterError(f"The registry does not answer at {address}; its log is {self.log}.")
            time.sleep(0.1)

    def stop(self) -> None:
        """End it if it runs; a stale pid file is only removed."""
        pid = self._pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 10
            while self._pid() is not None:
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                _reap(pid)
                time.sleep(0.05)
        self._pid_file.unlink(missing_ok=True)

    def collect_garbage(self, address: str, running: Step) -> None:
        """Forget all but the newest GENERATIONS of each image, with the blobs that only those used.

        The registry rests meanwhile (a second or so), as it must not be pushed to; kubelet repeats a failed pull.
        """
        superseded = superseded_tags(self.data, GENERATIONS)
        if not superseded:
            return
        self.stop()
        try:
            for folder in superseded:
                shutil.rmtree(folder)
            program = tool_path("registry", self._cache)
            run_logged(
                [program, "garbage-collect", "--delete-untagged", self.config],
                self.log,
                running=running,
                environment={"OTEL_TRACES_EXPORTER": "none"},
            )
        finally:
            self.start(address)

    def _pid(self) -> int | None:
        """The registry's process, or None. The number alone does not prove it: after a reboot it is someone else's."""
        try:
            pid = int(self._pid_file.read_text(encoding="ascii"))
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self.config) in words else None


def _reap(pid: int) -> None:
    # Only where this very command started it; else init does so.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def remove_unfinished_uploads(data: Path) -> None:
    """What killed pushes left, up to gigabytes. Nobody else may be pushing."""
    for folder in data.glob("docker/registry/v2/repositories/**/_uploads/*"):
        shutil.rmtree(folder, ignore_errors=True)


def superseded_tags(data: Path, generations: int) -> list[Path]:
    """The registry's folders of the tags, oldest first, beyond the newest `generations` of each repository."""
    old: list[Path] = []
    for tags in sorted(data.glob("docker/registry/v2/repositories/**/_manifests/tags")):
        by_age = sorted(tags.iterdir(), key=lambda tag: (tag / "current" / "link").stat().st_mtime)
        old += by_age[: max(0, len(by_age) - generations)]
    return old


def docker_container_name(cluster: str) -> str:
    """The registry's container, where Docker is the engine."""
    return f"devcluster-{cluster}-registry"


def start_docker_registry(cluster: str, port: int, log: Path, running: Step) -> None:
    """The registry as a container on 127.0.0.1:port: kind's documented recipe. Not exercised without Docker.

    The container joins kind's network (call this after the cluster is there); nodes reach it by its name on port 5000.
    """
    name = docker_container_name(cluster)
    if output_of(["docker", "container", "inspect", "--format", "{{.State.Running}}", name]) != "true":
        remove_docker_registry(cluster, keep_data=True)
        run_logged(
            [
                "docker", "run", "--detach", "--restart", "always", "--network", "bridge", "--name", name,
                "--publish", f"127.0.0.1:{port}:5000", "--volume", f"{name}:/var/lib/registry",
                "--env", "OTEL_TRACES_EXPORTER=none", pins.PUBLIC_REGISTRY_IMAGE,
            ],
            log,
            running=running,
        )  # fmt: skip
    networks = output_of(["docker", "inspect", "--format", "{{json .NetworkSettings.Networks.kind}}", name])
    if networks in (None, "null"):
        run_logged(["docker", "network", "connect", "kind", name], log, running=running)


def remove_docker_registry(cluster: str, *, keep_data: bool) -> None:
    """Remove the container and, unless its data is wanted again, the volume."""
    name = docker_container_name(cluster)
    output_of(["docker", "rm", "--force", name])
    if not keep_data:
        output_of(["docker", "volume", "rm", "--force", name])
