"""Removing every trace of a cluster from podman, in whatever state a killed run left it."""

from pathlib import Path

from devcluster import firewall, podman_network
from devcluster.process import output_of
from devcluster.provider import podman_environment

# kind's own label on its containers.
CLUSTER_LABEL = "io.x-k8s.kind.cluster"
_NAMESPACES = Path("/run/netns")


def remove_podman_leftovers(cluster: str) -> None:
    """The cluster's containers with their volumes, its network, and what podman leaves with the last container."""
    label = f"label={CLUSTER_LABEL}={cluster}"
    for container in _podman("ps", "--all", "--quiet", "--filter", label):
        _podman("rm", "--force", "--volumes", "--time", "2", container)
    # kind labels a node's volume with the node's name as the key; one whose container was never made has only that.
    for volume in _podman("volume", "ls", "--quiet", "--filter", f"label={cluster}-control-plane"):
        _podman("volume", "rm", "--force", volume)
    podman_network.remove_network(cluster)
    if not _podman("ps", "--quiet"):
        firewall.remove_shared_rules()
        # podman mounts the folder of network namespaces onto itself; empty, it serves nobody.
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
        if is_mounted(_NAMESPACES, mounts) and not any(_NAMESPACES.iterdir()):
            output_of(["umount", _NAMESPACES])


def is_mounted(folder: Path, mounts: str) -> bool:
    """Whether the text of /proc/self/mounts has a mount at the folder; Path.is_mount misses a bind mount."""
    return any(line.split()[1:2] == [str(folder)] for line in mounts.splitlines())


def _podman(*arguments: str) -> list[str]:
    """The words that podman answers."""
    return (output_of(["podman", *arguments], environment=podman_environment(), timeout=120) or "").split()
