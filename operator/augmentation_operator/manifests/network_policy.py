"""The NetworkPolicy of a namespace's workers: no ingress, and egress only to what they need."""

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from augmentation_api.identifiers import LABEL_JOB_UID
from augmentation_operator.manifests.manifest import Manifest

NETWORK_POLICY_NAME: Final = "augmentation-workers"
_HTTPS: Final = 443


class ApiServerAddress(NamedTuple):
    """An address at which pods reach the API server; an empty `cidr` means any address."""

    cidr: str
    port: int


@dataclass(frozen=True)
class WorkersEgress:
    """The connections that the chart allows workers to make.

    Attributes:
        rules: egress rules for DNS, the hubs and anything an administrator has added.
        api_server: addresses of the API server set by an administrator; empty: those that the cluster reports.
    """

    rules: tuple[Manifest, ...]
    api_server: frozenset[ApiServerAddress] = frozenset()


def read_workers_egress(path: Path) -> WorkersEgress:
    """Read the file of the chart: `{"egress": [...], "apiServerCIDRs": [...], "apiServerPorts": [...]}`."""
    document = json.loads(path.read_text(encoding="utf-8"))
    cidrs, ports = document["apiServerCIDRs"], document["apiServerPorts"]
    api_server = frozenset(ApiServerAddress(cidr, port) for cidr in cidrs for port in ports)
    return WorkersEgress(tuple(document["egress"]), api_server)


def api_server_addresses(
    endpoint_slice: Mapping[str, Any], host: str, service_port: str, *, cilium: bool = False
) -> frozenset[ApiServerAddress]:
    """The API server's own addresses, and the one of its Service.

    Some networks check a packet before the address of the Service is replaced by the API server's, most of them after.

    Args:
        endpoint_slice: `kubernetes` of the namespace `default`, which the API server maintains itself.
        host: KUBERNETES_SERVICE_HOST of this pod; empty: not in a pod.
        service_port: KUBERNETES_SERVICE_PORT of this pod.
        cilium: whether Cilium may enforce the policies. For Cilium no ipBlock matches a node, and API servers often run
            on one: their port, unless it is 443, is then allowed at any address.
    """
    addresses = {
        ApiServerAddress(_single(address), int(port["port"]))
        for endpoint in endpoint_slice.get("endpoints") or ()
        for address in endpoint["addresses"]
        for port in endpoint_slice.get("ports") or ()
    }
    if cilium:
        addresses |= {ApiServerAddress("", address.port) for address in addresses if address.port != _HTTPS}
    if host and service_port:
        addresses.add(ApiServerAddress(_single(host), int(service_port)))
    return frozenset(addresses)


def network_policy(namespace: str, egress: WorkersEgress, api_server: Iterable[ApiServerAddress]) -> Manifest:
    """The NetworkPolicy of one namespace, for the pods of all its jobs."""
    api_server_rules = [
        {
            **({"to": [{"ipBlock": {"cidr": address.cidr}}]} if address.cidr else {}),
            "ports": [{"port": address.port, "protocol": "TCP"}],
        }
        for address in sorted(api_server)
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": NETWORK_POLICY_NAME,
            "namespace": namespace,
            "labels": {
                "app.kubernetes.io/name": NETWORK_POLICY_NAME,
                "app.kubernetes.io/managed-by": "augmentation-operator",
            },
        },
        "spec": {
            "podSelector": {"matchExpressions": [{"key": LABEL_JOB_UID, "operator": "Exists"}]},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [],
            "egress": [*api_server_rules, *egress.rules],
        },
    }


def _single(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    return f"{parsed}/{parsed.max_prefixlen}"
