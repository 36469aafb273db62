"""The image that the node runs when kind's own cannot be pulled: built here from pinned parts, kept by podman."""

import tempfile
from pathlib import Path

from devcluster import pins
from devcluster.locking import held
from devcluster.packages import BUILD_PACKAGES, PODMAN_PACKAGES, ensure_packages
from devcluster.process import output_of, run_logged
from devcluster.progress import step
from devcluster.provider import podman_environment
from devcluster.tools import (
    cache_key,
    ensure_tool_sets,
    go_module,
    host_architecture,
    tool_set_folder,
    tool_set_key,
)

SCRIPT = Path(__file__).resolve().parent / "node-image.sh"
REPOSITORY = f"{pins.BUILT_HERE}-node"


def node_image_name() -> str:
    """The image's name; its tag changes with every pin and with the script that builds it."""
    keys = [tool_set_key(each, host_architecture()).encode() for each in pins.TOOL_SETS]
    return f"{REPOSITORY}:{cache_key([*keys, pins.DEBIAN_SUITE.encode(), SCRIPT.read_bytes()])}"


def image_exists(image: str) -> bool:
    """Whether podman's local storage holds the image."""
    return output_of(["podman", "image", "exists", image], environment=podman_environment()) is not None


def ensure_node_image(cache: Path) -> str:
    """The name of the node image, built first if podman does not have it."""
    image = node_image_name()
    if image_exists(image):
        return image
    ensure_packages({**PODMAN_PACKAGES, **BUILD_PACKAGES}, "Building the node image", cache)
    ensure_tool_sets(pins.TOOL_SETS, cache)
    with held(cache / "build.lock", "building"):
        if not image_exists(image):
            _build(image, cache)
    return image


def _build(image: str, cache: Path) -> None:
    log = cache / "logs" / "node-image.log"
    with (
        step(f"build the node image (Kubernetes {pins.KUBERNETES}, containerd {pins.CONTAINERD})") as running,
        tempfile.TemporaryDirectory(prefix=".node-image-", dir=cache) as folder,
    ):
        binaries = Path(folder)
        for tool_set in pins.TOOL_SETS:
            for binary in tool_set.packages:
                (binaries / binary).hardlink_to(tool_set_folder(tool_set, cache) / binary)
        run_logged(
            # kind's images/base/files are the node's entrypoint, units and containerd settings.
            [SCRIPT, binaries, go_module("cluster", "sigs.k8s.io/kind", cache), image, pins.DEBIAN_SUITE],
            log,
            running=running,
            environment=podman_environment(),
        )
    # Node images of earlier pins; one that a cluster still runs is refused and stays.
    listed = output_of(
        ["podman", "images", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY], environment=podman_environment()
    )
    for other in (listed or "").split():
        if other != image:
            output_of(["podman", "rmi", other], environment=podman_environment())
