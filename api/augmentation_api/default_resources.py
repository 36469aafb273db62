"""Resources of a worker's container where its class leaves them out."""

from decimal import ROUND_CEILING, Decimal
from typing import Final

from augmentation_api.pod_fields import Resources
from augmentation_api.quantity import parse_quantity

DEFAULT_RESOURCES: Final = Resources(requests={"cpu": "1", "memory": "1Gi"}, limits={"memory": "4Gi"})
"""For a class that names no resources. A shard of two cameras and four copies in AV1 takes three quarters of the
request at 480x640, and two fifths of the limit at 1080x1920."""

_CPU_BURST: Final = 4
_LEAST_CPU_LIMIT: Final = 2


def stated_resources(resources: Resources) -> Resources:
    """Those of a class, or the default where it names none."""
    return resources if resources.requests or resources.limits else DEFAULT_RESOURCES


def cpu_limit(resources: Resources) -> str:
    """The CPU limit, as a quantity: a missing one is four times the request, at least two CPUs.

    Neighbours are protected, bursts are not cut.
    """
    if (stated := resources.limits.get("cpu")) is not None:
        return stated
    limit = max(_CPU_BURST * parse_quantity(resources.requests.get("cpu", "0")), Decimal(_LEAST_CPU_LIMIT))
    return f"{(limit * 1000).to_integral_value(ROUND_CEILING)}m"
