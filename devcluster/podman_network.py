"""The cluster's own bridge, and what podman leaves behind when the last of its networks is gone."""

import json

from devcluster.errors import DevclusterError
from devcluster.process import output_of
from devcluster.provider import podman_environment


def network_name(cluster: str) -> str:
    """One network per cluster, so that it can be removed with the cluster."""
    return f"devcluster-{cluster}"


def ensure_network(cluster: str) -> str:
    """Create the network if need be; the bridge's own IPv4 address, which is this machine as the node sees it."""
    name = network_name(cluster)
    environment = podman_environment()
    found = output_of(["podman", "network", "inspect", name], environment=environment)
    if found is None:
        # podman picks a subnet that no interface of this machine uses.
        output_of(["podman", "network", "create", "--driver", "bridge", name], environment=environment)
        found = output_of(["podman", "network", "inspect", name], environment=environment)
    gateway = parse_gateway(found or "")
    if gateway is None:
        raise DevclusterError(f"podman could not create the network {name}: try `podman network create {name}`.")
    return gateway


def parse_gateway(inspected: str) -> str | None:
    """The IPv4 gateway in the answer of `podman network inspect`."""
    try:
        subnets = json.loads(inspected)[0]["subnets"]
        return next(str(each["gateway"]) for each in subnets if ":" not in each["gateway"])
    except (ValueError, LookupError, TypeError, StopIteration):
        return None


def remove_network(cluster: str) -> None:
    """Remove the network, its bridge and whatever container still uses it."""
    output_of(["podman", "network", "rm", "--force", network_name(cluster)], environment=podman_environment())
