"""What only the prose of Kubernetes and Kueue says, and no field does. All matching of such text is in this module.

Such text may change with any release: each function has tests with whole sentences, to be compared with new ones.
"""

import re
from typing import NamedTuple

_SHORTAGE = re.compile(
    r"insufficient quota for (?P<resource>\S+) in flavor (?P<flavor>[^\s,]+), previously considered podsets requests "
    r"\(\S+\) \+ current podset request \((?P<requested>\S+)\) > maximum capacity \((?P<most>\S+)\)"
)


class QuotaShortage(NamedTuple):
    """More of a resource than a queue can ever give: quantities, as Kueue writes them, for all pods of a Job."""

    resource: str
    flavor: str
    requested: str
    most: str


def exceeds_quota(message: str) -> bool:
    """Whether pods were rejected because of a ResourceQuota (Event FailedCreate of a Job)."""
    return "exceeded quota" in message


def is_webhook_failure(message: str) -> bool:
    """Whether an admission webhook did not answer (error of the API server, status 500)."""
    return "failed calling webhook" in message


def is_disk_exhausted(message: str) -> bool:
    """Whether the kubelet evicted a pod for its local disk: a full emptyDir, or the limit of ephemeral storage."""
    return "EmptyDir" in message or "ephemeral" in message


def quota_shortages(message: str) -> list[QuotaShortage]:
    """What Kueue says can never be given, by resource and flavor; empty where some flavor may yet have the quota.

    Kueue 0.19 has a reason for it, ExceedsMaxQuota, where the alpha UnadmittedWorkloadsObservability is on. Both speak
    of all pods of a Job, although a Job with partial admission may start with fewer.
    """
    if "insufficient unused quota" in message:
        return []
    return [QuotaShortage(*(match[name] for name in QuotaShortage._fields)) for match in _SHORTAGE.finditer(message)]


def without_pod_set(message: str) -> str:
    """Kueue's reason why quota is missing, without the name of the only pod set there is."""
    return message.replace("couldn't assign flavors to pod set main: ", "")
