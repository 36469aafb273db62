"""The NetworkPolicy of a namespace's workers: nobody may connect to them, and they only to what they need."""

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from augmentation_api.identifiers import LABEL_JOB_UID
from augmentation_operator.manifests.ownership import Manifest

NETWORK_POLICY_NAME: Final = "augmentation-workers"
_HTTPS: Final = 443


class ApiServerAddress(NamedTuple):
    """Where pods reach the API server; no `cidr`: at any address."""

    cidr: str
    port: int


@dataclass(frozen=True)
class WorkersEgress:
    """What the chart lets workers connect to.

    Attributes:
        rules: egress rules for DNS, the hubs and whatever an administrator has added.
        api_server: addresses of the API server, where an administrator names them; empty: as the cluster names them.
    """

    rules: tuple[Manifest, ...]
    api_server: frozenset[ApiServerAddress] = frozenset()


def read_workers_egress(path: Path) -> WorkersEgress:
    """The chart's file: `{"egress": [...], "apiServerCIDRs": [...], "apiServerPorts": [...]}`."""
    document = json.loads(path.read_text(encoding="utf-8"))
    named = {ApiServerAddress(cidr, port) for cidr in document["apiServerCIDRs"] for port in document["apiServerPorts"]}
    return WorkersEgress(tuple(document["egress"]), frozenset(named))


def api_server_addresses(
    endpoint_slice: Mapping[str, Any], host: str, port: str, *, cilium: bool = False
) -> frozenset[ApiServerAddress]:
    """The API server's own addresses, and the one of its Service.

    Some networks look at a packet before the Service's address is replaced by the API server's, most do afterwards.

    Args:
        endpoint_slice: `kubernetes` of the namespace `default`, which the API server keeps itself.
        host: KUBERNETES_SERVICE_HOST of this pod; empty: not in a pod.
        port: KUBERNETES_SERVICE_PORT of this pod.
        cilium: whether Cilium may enforce the policies. To it no ipBlock matches a node, and many an API server runs
            on one: its port, unless that is 443, is then allowed at any address.
    """
    found = {
        ApiServerAddress(_single(address), int(each["port"]))
        for endpoint in endpoint_slice.get("endpoints") or ()
        for address in endpoint["addresses"]
        for each in endpoint_slice.get("ports") or ()
    }
    if cilium:
        found |= {ApiServerAddress("", address.port) for address in found if address.port != _HTTPS}
    return frozenset(found | ({ApiServerAddress(_single(host), int(port))} if host and port else set()))


def network_policy(namespace: str, egress: WorkersEgress, api_server: Iterable[ApiServerAddress]) -> Manifest:
    """The policy of one namespace, for the pods of all of its jobs."""
    reached = [
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
            "egress": [*reached, *egress.rules],
        },
    }


def _single(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    return f"{parsed}/{parsed.max_prefixlen}"
