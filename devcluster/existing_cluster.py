"""CLUSTER=existing: somebody else's cluster, named by KUBECONFIG; nothing is created, nothing is removed."""

from pathlib import Path

from devcluster import registry
from devcluster.cluster_state import read_state
from devcluster.errors import MissingRequirement
from devcluster.process import output_of
from devcluster.settings import Settings
from devcluster.tools import tool_path


def existing_kubeconfig(settings: Settings) -> Path:
    """The kubeconfig's path. Raises MissingRequirement where KUBECONFIG does not name a file."""
    path = Path(settings.kubeconfig_given)
    if not settings.kubeconfig_given or not path.is_file():
        raise MissingRequirement("CLUSTER=existing needs KUBECONFIG to name the kubeconfig file of the cluster to use.")
    return path.resolve()


def require_answer(settings: Settings) -> None:
    """Raises MissingRequirement where the cluster does not answer."""
    path = existing_kubeconfig(settings)
    kubectl = tool_path("kubectl", settings.cache)
    asked: list[str | Path] = [kubectl, "--kubeconfig", path, "get", "--raw", "/readyz", "--request-timeout=10s"]
    if output_of(asked, timeout=20) is None:
        raise MissingRequirement(f"The cluster that KUBECONFIG={path} names does not answer: check that it runs.")


def existing_registry(settings: Settings) -> str:
    """REGISTRY, else the registry of a cluster made here that runs. Raises MissingRequirement without either."""
    if settings.registry_given:
        return settings.registry_given
    recorded = read_state(settings.state)
    if recorded is not None and registry.answers(recorded.registry_push):
        return recorded.registry
    raise MissingRequirement(
        "CLUSTER=existing needs REGISTRY=host:port/prefix: a registry that this machine pushes to and the cluster"
        " pulls from."
    )


def is_plain_http(settings: Settings, address: str) -> bool:
    """Whether the registry is on this machine, where certificates are not expected; any other one has to show one."""
    host = address.partition("/")[0]
    recorded = read_state(settings.state)
    own = recorded is not None and host == recorded.registry_push
    return own or host.rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]")
