"""Making, checking and removing the kind cluster.

The podman path is exercised on hosts without any registry. The Docker path follows kind's documented recipe for a
local registry and pulls kind's own node image; it has not been run where this was written.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from devcluster import pins, podman_network, registry
from devcluster.caches import remove_go_caches
from devcluster.cluster_state import ClusterState, read_state, write_state
from devcluster.errors import DevclusterError, MissingRequirement
from devcluster.kind_config import hosts_toml, kind_config
from devcluster.leftovers import remove_podman_leftovers
from devcluster.node_image import ensure_node_image, node_image_name
from devcluster.packages import PODMAN_PACKAGES, ensure_packages
from devcluster.ports import choose_ports, is_free, reserved_ports
from devcluster.process import output_of, run_logged
from devcluster.progress import Step, say, step
from devcluster.provider import Provider, detect_provider, podman_environment, provider_without_registry
from devcluster.settings import PREFERRED_PORTS, Settings
from devcluster.tools import tool_path

# Compiled before anything is created, so that a first `up` fails early where it has to fail.
_TOOLS_NEEDED = ("kubectl", "helm", "kind")


@dataclass(frozen=True)
class Health:
    """What answers of a cluster on record."""

    api: bool
    registry: bool


def up(settings: Settings) -> ClusterState:
    """The cluster and its registry, running. What is there and well is left alone.

    Raises MissingRequirement where the machine lacks something or an asked port is taken.
    """
    recorded = read_state(settings.state)
    provider = detect_provider(recorded.provider if recorded is not None else None)
    if provider is Provider.PODMAN:
        ensure_packages(PODMAN_PACKAGES, "kind on podman", settings.cache)
    reason = reason_to_create(recorded, provider, _wanted_node_image(provider), health(settings, recorded))
    if recorded is not None and reason is None:
        _refuse_other_ports(settings, recorded)
        if not registry.answers(recorded.registry_push):
            with step("start the registry again") as running:
                _start_registry(settings, recorded, running)
        return recorded
    say(f"  ... {reason}")
    return _create(settings, provider)


def reason_to_create(recorded: ClusterState | None, provider: Provider, node_image: str, found: Health) -> str | None:
    """The reason why the cluster has to be (re)created, as a message; None if it can be used as it is.

    A registry that stopped is no reason: it is started again.
    """
    if recorded is None:
        return "no cluster on record: creating it"
    if not recorded.ready:
        return "the last creation was not finished: recreating the cluster"
    if recorded.provider is not provider:
        return f"the cluster was made with {recorded.provider}, now it is {provider}: recreating it"
    if recorded.node_image != node_image:
        return "the pins of the node image have changed: recreating the cluster"
    if not found.api:
        return "the cluster's API server does not answer: recreating the cluster"
    return None


def health(settings: Settings, recorded: ClusterState | None) -> Health:
    """Ask the API server and the registry."""
    if recorded is None or not settings.kubeconfig.exists():
        return Health(api=False, registry=False)
    return Health(api=api_answers(settings, settings.kubeconfig), registry=registry.answers(recorded.registry_push))


def api_answers(settings: Settings, kubeconfig: Path) -> bool:
    """Whether the API server that the kubeconfig names says that it is ready."""
    kubectl = tool_path("kubectl", settings.cache)
    return (
        output_of([kubectl, "--kubeconfig", kubeconfig, "get", "--raw", "/readyz", "--request-timeout=5s"], timeout=10)
        == "ok"
    )


def nodes(settings: Settings) -> str:
    """kubectl's table of the nodes, for a person."""
    kubectl = tool_path("kubectl", settings.cache)
    return output_of([kubectl, "--kubeconfig", settings.kubeconfig, "get", "nodes", "--request-timeout=5s"]) or ""


def down(settings: Settings) -> None:
    """Remove the cluster, its registry's process and everything else that was made for them, but for the caches."""
    recorded = read_state(settings.state)
    provider = recorded.provider if recorded is not None else _likely_provider()
    if provider is not None:
        with step(f"remove cluster {settings.name}"):
            _remove(settings, provider)
    shutil.rmtree(settings.state, ignore_errors=True)


def _likely_provider() -> Provider | None:
    """Without a record: where leftovers would be, if there are any."""
    try:
        provider = detect_provider()
    except MissingRequirement:
        return None
    return provider if shutil.which(provider.value) else None


def _wanted_node_image(provider: Provider) -> str:
    return node_image_name() if provider is Provider.PODMAN else pins.PUBLIC_NODE_IMAGE


def _refuse_other_ports(settings: Settings, recorded: ClusterState) -> None:
    current = {
        "GATEWAY_PORT": recorded.gateway_port,
        "HUB_PORT": recorded.hub_port,
        "REGISTRY_PORT": recorded.registry_port,
    }
    for variable, port in settings.ports.items():
        if current[variable] != port:
            raise MissingRequirement(
                f"{variable}={port} is asked for, but cluster {settings.name} was made with {current[variable]}:"
                " run `down` first to change it."
            )


def _create(settings: Settings, provider: Provider) -> ClusterState:
    cache, log = settings.cache, settings.state / "kind.log"
    if provider is Provider.DOCKER and not _pull_node_image(cache):
        provider = provider_without_registry()
        ensure_packages(PODMAN_PACKAGES, "kind on podman", cache)
    for name in _TOOLS_NEEDED:
        tool_path(name, cache)
    node_image = pins.PUBLIC_NODE_IMAGE
    if provider is Provider.PODMAN:
        node_image = ensure_node_image(cache)
        # kind mounts it into the node; a host whose kernel came from elsewhere may not have one.
        Path("/lib/modules").mkdir(parents=True, exist_ok=True)
    if settings.state.exists():
        with step("remove what an earlier cluster left"):
            _remove(settings, provider)
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)

    chosen = choose_ports(
        settings.ports, PREFERRED_PORTS, reserved_ports(settings.state.parent, except_for=settings.name), is_free
    )
    gateway, hub, registry_port = (chosen[each] for each in ("GATEWAY_PORT", "HUB_PORT", "REGISTRY_PORT"))
    if provider is Provider.PODMAN:
        pull_from = address = f"{podman_network.ensure_network(settings.name)}:{registry_port}"
    else:
        address = f"localhost:{registry_port}"
        pull_from = f"{registry.docker_container_name(settings.name)}:5000"
    state = ClusterState(
        provider=provider,
        node_image=node_image,
        gateway_port=gateway,
        hub_port=hub,
        registry_port=registry_port,
        registry=address,
        registry_push=address,
    )
    write_state(settings.state, state)

    certs = settings.state / "certs.d"
    (certs / address).mkdir(parents=True)
    (certs / address / "hosts.toml").write_text(hosts_toml(pull_from), encoding="utf-8")
    config = settings.state / "kind.json"
    config.write_text(kind_config(provider, gateway, hub, certs), encoding="utf-8")
    with step(f"create cluster {settings.name} with kind on {provider}") as running:
        run_logged(
            [
                tool_path("kind", cache), "create", "cluster", "--name", settings.name, "--image", node_image,
                "--config", config, "--kubeconfig", settings.kubeconfig, "--wait", "180s",
            ],
            log,
            running=running,
            environment=_kind_environment(settings, provider),
        )  # fmt: skip
        settings.kubeconfig.chmod(0o600)
    with step(f"start the registry at {address}") as running:
        _start_registry(settings, state, running)
    with step("wait for the cluster's DNS") as running:
        run_logged(
            [
                tool_path("kubectl", cache), "--kubeconfig", settings.kubeconfig, "--namespace", "kube-system",
                "rollout", "status", "deployment/coredns", "--timeout=180s",
            ],
            log,
            running=running,
        )  # fmt: skip
    state = replace(state, ready=True)
    write_state(settings.state, state)
    remove_go_caches(cache)
    return state


def _pull_node_image(cache: Path) -> bool:
    """Whether Docker has kind's node image, or could pull it."""
    if output_of(["docker", "image", "inspect", "--format", "{{.Id}}", pins.PUBLIC_NODE_IMAGE]) is not None:
        return True
    try:
        with step("pull kind's node image") as running:
            run_logged(["docker", "pull", pins.PUBLIC_NODE_IMAGE], cache / "logs" / "pull.log", running=running)
    except DevclusterError:
        return False
    return True


def _start_registry(settings: Settings, state: ClusterState, running: Step) -> None:
    if state.provider is Provider.PODMAN:
        registry.RegistryProcess(settings.name, settings.state, settings.cache).start(state.registry_push)
    else:
        registry.start_docker_registry(settings.name, state.registry_port, settings.state / "registry.log", running)


def _remove(settings: Settings, provider: Provider) -> None:
    if provider is Provider.PODMAN:
        registry.RegistryProcess(settings.name, settings.state, settings.cache).stop()
        remove_podman_leftovers(settings.name)
    else:
        registry.remove_docker_registry(settings.name, keep_data=True)
        run_logged(
            [tool_path("kind", settings.cache), "delete", "cluster", "--name", settings.name],
            settings.state / "kind.log",
            environment=_kind_environment(settings, provider),
        )
    shutil.rmtree(settings.state, ignore_errors=True)


def _kind_environment(settings: Settings, provider: Provider) -> dict[str, str]:
    if provider is Provider.DOCKER:
        return {"KIND_EXPERIMENTAL_PROVIDER": provider.value}
    return {**podman_environment(), "KIND_EXPERIMENTAL_PODMAN_NETWORK": podman_network.network_name(settings.name)}
