"""Building and pushing one image, with buildah or with Docker."""

import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from devcluster import pins
from devcluster.build_context import without_cache_mount
from devcluster.errors import DevclusterError
from devcluster.installer_settings import UV_CACHE_IN_BUILD, build_volumes
from devcluster.process import output_of, run_logged
from devcluster.progress import Step
from devcluster.provider import Provider, podman_environment


@dataclass(frozen=True)
class Target:
    """Where an image goes.

    registry: host:port[/prefix] as this machine names it. repository: the image's name there.
    plain_http: whether the registry is the local one, which has no certificate.
    """

    registry: str
    repository: str
    tag: str
    plain_http: bool

    @property
    def name(self) -> str:
        """The full name, by tag."""
        return f"{self.registry}/{self.repository}:{self.tag}"


class Builder(Protocol):
    """One engine that builds images."""

    def prepare(self) -> None:
        """Clean up what killed builds left. Nobody else may be building."""

    def build(
        self,
        context: Path,
        dockerfile: str,
        base: str,
        target: Target,
        log: Path,
        running: Step,
        stage: str | None = None,
    ) -> None:
        """Build the image of `context`, up to a stage if one is named, keeping its layers for the next build."""

    def push(self, target: Target, log: Path, running: Step) -> str:
        """Push what was built; the digest (sha256:…) by which the registry knows it."""

    def remove_superseded(self, target: Target) -> None:
        """Remove earlier builds of the same image from this machine, with the layers that only they used."""


def builder_for(provider: Provider, cache: Path) -> Builder:
    """buildah with podman, Docker with Docker."""
    return Buildah(cache / "scratch") if provider is Provider.PODMAN else Docker()


def working_containers(listed: str) -> list[str]:
    """The containers of builds in `buildah containers`' lines of id and name, in which builds of our images stand.

    buildah names them after the image that a step starts from: our base, or a layer without a name.
    """
    base = re.escape(pins.BUILT_HERE.rpartition("/")[2])
    pattern = rf"(\w+)[ ]+(?:{base}-python-base|[0-9a-f]{{12}})-working-container(?:-\d+)?"
    return re.findall(rf"^{pattern}$", listed, re.MULTILINE)


class Buildah:
    """buildah in chroot isolation: it needs fewer capabilities than a container would."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    def prepare(self) -> None:
        """Scratch files that are still there are the sign of a killed build, whose containers hold gigabytes too."""
        if self._scratch.exists() and any(self._scratch.iterdir()):
            listed = output_of(
                ["buildah", "containers", "--format", "{{.ContainerID}} {{.ContainerName}}"],
                environment=podman_environment(),
            )
            for container in working_containers(listed or ""):
                output_of(["buildah", "rm", container], environment=podman_environment())
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True, exist_ok=True)

    def build(
        self,
        context: Path,
        dockerfile: str,
        base: str,
        target: Target,
        log: Path,
        running: Step,
        stage: str | None = None,
    ) -> None:
        """Build on the host's network, with this machine's certificates, pip settings and uv cache mounted."""
        instructions = context / dockerfile
        instructions.write_text(
            without_cache_mount(instructions.read_text(encoding="utf-8"), UV_CACHE_IN_BUILD), encoding="utf-8"
        )
        with tempfile.TemporaryDirectory() as folder:
            volumes = [word for volume in build_volumes(Path(folder)) for word in ("--volume", volume)]
            run_logged(
                [
                    "buildah", "build", "--layers", "--isolation", "chroot", "--network", "host", "--pull-never",
                    "--build-arg", f"BASE_IMAGE={base}", *volumes, *_target_stage(stage),
                    "--file", context / dockerfile, "--tag", _local_name(target), context,
                ],
                log,
                running=running,
                environment=self._environment(),
            )  # fmt: skip

    def push(self, target: Target, log: Path, running: Step) -> str:
        """Layers that the registry holds are not sent again."""
        with tempfile.TemporaryDirectory() as folder:
            digest_file = Path(folder) / "digest"
            run_logged(
                [
                    "buildah", "push", f"--tls-verify={str(not target.plain_http).lower()}",
                    "--compression-format", "gzip", "--compression-level", "1",
                    "--digestfile", digest_file, _local_name(target), f"docker://{target.name}",
                ],
                log,
                running=running,
                environment=self._environment(),
            )  # fmt: skip
            return digest_file.read_text(encoding="ascii").strip()

    def remove_superseded(self, target: Target) -> None:
        """Untag the earlier ones; buildah drops the layers that nothing else uses."""
        repository = f"{pins.BUILT_HERE}/{target.repository}"
        listed = output_of(
            ["podman", "images", "--format", "{{.Repository}}:{{.Tag}}", repository], environment=podman_environment()
        )
        for name in (listed or "").split():
            if name != _local_name(target):
                output_of(["buildah", "rmi", name], environment=podman_environment(), timeout=300)

    def _environment(self) -> dict[str, str]:
        # Else a killed build's or push's blobs, of gigabytes, would stay in the machine's temporary folder.
        return {**podman_environment(), "TMPDIR": str(self._scratch)}


class Docker:
    """Docker with BuildKit. Written from its documentation; not exercised where this was written."""

    def prepare(self) -> None:
        """Docker cleans up after itself."""

    def build(
        self,
        context: Path,
        dockerfile: str,
        base: str,
        target: Target,
        log: Path,
        running: Step,
        stage: str | None = None,
    ) -> None:
        """BuildKit's cache mounts keep the wheels; a proxy of this machine is passed on."""
        proxies = [name for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") if os.environ.get(name)]
        run_logged(
            [
                "docker", "build", "--progress", "plain", "--build-arg", f"BASE_IMAGE={base}",
                # A name without a value takes the value of the environment, which stays off the command line.
                *(word for name in proxies for word in ("--build-arg", name)),
                *_target_stage(stage),
                "--file", context / dockerfile, "--tag", target.name, context,
            ],
            log,
            running=running,
            environment={"DOCKER_BUILDKIT": "1"},
        )  # fmt: skip

    def push(self, target: Target, log: Path, running: Step) -> str:
        """Docker assumes plain HTTP for a registry on localhost."""
        run_logged(["docker", "push", target.name], log, running=running)
        digests = output_of(["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", target.name])
        prefix = f"{target.registry}/{target.repository}@"
        for name in json.loads(digests or "null") or []:
            if name.startswith(prefix):
                return str(name).removeprefix(prefix)
        raise DevclusterError(f"Docker does not tell the digest of {target.name}; its push is logged in {log}.")

    def remove_superseded(self, target: Target) -> None:
        """Remove the other tags; BuildKit bounds its cache itself."""
        repository = f"{target.registry}/{target.repository}"
        listed = output_of(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", repository])
        for name in (listed or "").split():
            if name != target.name:
                output_of(["docker", "rmi", name], timeout=300)


def _local_name(target: Target) -> str:
    return f"{pins.BUILT_HERE}/{target.repository}:{target.tag}"


def _target_stage(stage: str | None) -> list[str]:
    return ["--target", stage] if stage else []
