"""What a worker's container asks for and may use: what its class says, completed where a quota would refuse the pod.

A namespace with a ResourceQuota admits only pods that name every amount the quota counts: CPU, memory and local disk,
requested and at most.
"""

from decimal import ROUND_CEILING, Decimal
from typing import Final

from augmentation_api.augmentation_class import Resources
from augmentation_operator.manifests.ownership import Manifest

NOTHING_SAID: Final = Resources(requests={"cpu": "1", "memory": "2Gi"}, limits={"memory": "4Gi"})
"""For a class that names no resources: what a shard takes on a CPU (docs/architecture.md), and as much again."""

_CPU_BURST: Final = 4
_LEAST_CPU_LIMIT: Final = 2
_LOGS: Final = 2**30
_UNITS: Final = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}


def pod_resources(resources: Resources, scratch_size: str) -> Manifest:
    """resources of the worker's container. What the class names stays as it is, and nothing more is reserved.

    Where a limit of CPU is missing, it is four times the request, at least two CPUs, so that a neighbour is protected
    and a burst is not cut. A limit of local disk is that of the scratch volume and 1 GiB of logs. Requests that are
    missing are 0: a quota counts them, the scheduler does not wait for them, and Kueue, which refuses what asks for a
    resource that its queue does not cover, admits them.
    """
    said = resources if resources.requests or resources.limits else NOTHING_SAID
    requests, limits = dict(said.requests), dict(said.limits)
    if "cpu" not in limits:
        requests.setdefault("cpu", "0")
        limits["cpu"] = _cpu_limit(requests["cpu"])
    if "ephemeral-storage" not in limits:
        requested = requests.setdefault("ephemeral-storage", "0")
        # The kubelet counts the scratch volume, the logs and the writable layer of a pod against this one limit.
        disk = max(amount(scratch_size) + _LOGS, amount(requested))
        limits["ephemeral-storage"] = f"{(disk / 2**20).to_integral_value(ROUND_CEILING)}Mi"
    return {"requests": requests, "limits": limits}


def amount(quantity: str) -> Decimal:
    """A quantity as a number: '500m' → 0.5, '2Ki' → 2048."""
    digits = quantity.rstrip("kmKMGTi")
    return Decimal(digits) * _UNITS[quantity[len(digits) :]]


def _cpu_limit(requested: str) -> str:
    limit = max(_CPU_BURST * amount(requested), Decimal(_LEAST_CPU_LIMIT))
    return f"{(limit * 1000).to_integral_value(ROUND_CEILING)}m"
