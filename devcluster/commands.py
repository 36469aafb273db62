"""What each command of the command line does and prints."""

import shlex

from devcluster import existing_cluster, kind_cluster, registry
from devcluster.browser import browser_path
from devcluster.caches import remove_caches
from devcluster.cluster_state import ClusterState, read_state
from devcluster.errors import DevclusterError
from devcluster.images import Destination, choose_images, publish, write_references
from devcluster.locking import held
from devcluster.progress import say, step
from devcluster.provider import Provider, detect_provider
from devcluster.settings import CHECKOUT, PREFERRED_PORTS, Settings
from devcluster.tools import tool_path

# What `systemctl status` exits with for what does not run: a script can tell it from a status that is not known (1).
NOT_UP = 3


def up(settings: Settings) -> int:
    """Make the cluster and its registry, or see that they are there."""
    if settings.existing:
        existing_cluster.require_answer(settings)
        say(f"Using the cluster of {settings.kubeconfig_given}; nothing is created.")
        return 0
    with held(settings.lock, f"with cluster {settings.name}"):
        state = kind_cluster.up(settings)
    say(f"Cluster {settings.name} is up; registry {state.registry}; export KUBECONFIG={settings.kubeconfig}")
    return 0


def down(settings: Settings, *, purge: bool) -> int:
    """Remove the cluster; with `purge` the caches too."""
    if settings.existing:
        say("CLUSTER=existing: the cluster is left alone.")
        return 0
    with held(settings.lock, f"with cluster {settings.name}"):
        kind_cluster.down(settings)
    say(f"Cluster {settings.name} is gone.")
    if purge:
        remove_caches(settings)
    return 0


def status(settings: Settings) -> int:
    """Print what there is. 0 where the cluster and the registry answer, else NOT_UP."""
    if settings.existing:
        existing_cluster.require_answer(settings)
        print(f"The cluster of {settings.kubeconfig_given} answers.")
        return 0
    recorded = read_state(settings.state)
    if recorded is None:
        print(f"There is no cluster {settings.name}: make it with `make cluster-up` or `python3 -m devcluster up`.")
        return NOT_UP
    found = kind_cluster.health(settings, recorded)
    well = recorded.ready and found.api and found.registry
    for name, value in (
        ("cluster", f"{settings.name}: {'up' if found.api else 'does not answer'}"),
        ("provider", f"kind on {recorded.provider}"),
        ("node image", recorded.node_image),
        ("registry", f"{recorded.registry}: {'up' if found.registry else 'does not answer'}"),
        ("gateway", f"127.0.0.1:{recorded.gateway_port}"),
        ("hub", f"127.0.0.1:{recorded.hub_port}"),
        ("kubeconfig", settings.kubeconfig),
    ):
        print(f"{name:<11} {value}")
    if found.api:
        print(kind_cluster.nodes(settings))
    if well:
        return 0
    print("It is not usable as it is: `make cluster-up` or `python3 -m devcluster up` repairs or recreates it.")
    return NOT_UP


def browser(settings: Settings) -> int:
    """Print the path of the browser that the page is tested in."""
    print(browser_path(settings.cache))
    return 0


def images(settings: Settings, names: list[str]) -> int:
    """Build and push what changed; print NAME=REFERENCE, by digest."""
    wanted = choose_images(names)
    provider = detect_provider() if settings.existing else require_recorded(settings).provider
    chosen = destination(settings)
    with held(settings.lock, f"with cluster {settings.name}"):
        registry.remove_unfinished_uploads(registry.registry_data(settings.cache, settings.name))
        references, pushed = publish(wanted, CHECKOUT, provider, chosen, settings.cache)
        write_references(settings.images_file, references)
        if pushed and not settings.existing and provider is Provider.PODMAN:
            with step("drop superseded images from the registry") as running:
                own = registry.RegistryProcess(settings.name, settings.state, settings.cache)
                own.collect_garbage(chosen.push, running)
    for name, reference in references.items():
        print(f"{name}={reference}")
    return 0


def destination(settings: Settings) -> Destination:
    """Where images go. Raises DevclusterError where there is no cluster or its registry does not answer."""
    if settings.existing:
        existing_cluster.require_answer(settings)
        address = existing_cluster.existing_registry(settings)
        return Destination(pull=address, push=address, plain_http=existing_cluster.is_plain_http(settings, address))
    recorded = require_recorded(settings)
    if not registry.answers(recorded.registry_push):
        raise DevclusterError(f"The registry at {recorded.registry_push} does not answer: run `up` again.")
    return Destination(pull=recorded.registry, push=recorded.registry_push, plain_http=True)


def env(settings: Settings) -> int:
    """Print KEY=VALUE lines for a shell."""
    for key, value in environment(settings).items():
        print(f"{key}={shlex.quote(value)}")
    return 0


def environment(settings: Settings) -> dict[str, str]:
    """The variables that lead to the cluster. Raises DevclusterError where there is none."""
    if settings.existing:
        address = existing_cluster.existing_registry(settings)
        kubeconfig = existing_cluster.existing_kubeconfig(settings)
        ports = {**PREFERRED_PORTS, **settings.ports}
        push = address
    else:
        recorded = require_recorded(settings)
        address, push, kubeconfig = recorded.registry, recorded.registry_push, settings.kubeconfig
        ports = {"GATEWAY_PORT": recorded.gateway_port, "HUB_PORT": recorded.hub_port}
    return {
        "CLUSTER_NAME": settings.name,
        "KUBECONFIG": str(kubeconfig),
        "REGISTRY": address,
        "REGISTRY_PUSH": push,
        "IMAGES": str(settings.images_file),
        "GATEWAY_PORT": str(ports["GATEWAY_PORT"]),
        "HUB_PORT": str(ports["HUB_PORT"]),
        "HELM": str(tool_path("helm", settings.cache)),
        "KUBECTL": str(tool_path("kubectl", settings.cache)),
    }


def require_recorded(settings: Settings) -> ClusterState:
    """The record of a cluster that was made to the end."""
    recorded = read_state(settings.state)
    if recorded is None or not recorded.ready:
        raise DevclusterError(f"There is no cluster {settings.name}: make it with `python3 -m devcluster up`.")
    return recorded


def tool(settings: Settings, name: str) -> int:
    """Print the path of a tool."""
    print(tool_path(name, settings.cache))
    return 0
