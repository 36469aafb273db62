"""Resources of a worker's container: those of its class, completed where a ResourceQuota would reject the pod.

A namespace with a ResourceQuota admits only pods that name every resource that the quota counts: requests and limits of
CPU, memory and local disk.
"""

from decimal import ROUND_CEILING
from typing import Final

from augmentation_api.default_resources import cpu_limit, stated_resources
from augmentation_api.pod_fields import Resources
from augmentation_api.quantity import parse_quantity
from augmentation_operator.manifests.manifest import Manifest

_LOGS: Final = 2**30


def pod_resources(resources: Resources, scratch_size: str) -> Manifest:
    """The `resources` of the worker's container. Values of the class are kept, and nothing more is requested.

    A missing CPU limit becomes four times the request, at least two CPUs: neighbours are protected, bursts are not cut.
    A missing limit of local disk becomes that of the scratch volume and 1 GiB of logs. Missing requests become 0: a
    quota counts them, the scheduler ignores them, and Kueue, which rejects requests of a resource that its queue does
    not cover, admits them.
    """
    stated = stated_resources(resources)
    requests, limits = dict(stated.requests), dict(stated.limits)
    if "cpu" not in limits:
        requests.setdefault("cpu", "0")
        limits["cpu"] = cpu_limit(stated)
    if "ephemeral-storage" not in limits:
        requested = requests.setdefault("ephemeral-storage", "0")
        # The kubelet counts the scratch volume, the logs and the writable layer of a pod against this one limit.
        disk = max(parse_quantity(scratch_size) + _LOGS, parse_quantity(requested))
        limits["ephemeral-storage"] = f"{(disk / 2**20).to_integral_value(ROUND_CEILING)}Mi"
    return {"requests": requests, "limits": limits}
