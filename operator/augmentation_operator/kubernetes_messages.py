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


def missing_resources(message: str) -> tuple[str, ...]:
    """What pods lack for a ResourceQuota to admit them, as `limits.cpu` (Event FailedCreate of a Job)."""
    missing = message.partition("must specify ")[2]
    names = re.findall(r"([a-z0-9./-]+) for:", missing) or re.findall(r"[a-z0-9./-]+", missing)
    return tuple(name if name.startswith(("limits.", "requests.")) else f"requests.{name}" for name in names)


def limited_resources(message: str) -> tuple[str, ...]:
    """What a LimitRange rejects of pods, as `limits.cpu` (Event FailedCreate of a Job)."""
    found = re.findall(
        r"imum ([a-z0-9./-]+) usage per (?:Container|Pod) is [^,]+, but (?:no )?(request|limit) is", message
    )
    return tuple(dict.fromkeys(f"{kind}s.{name}" for name, kind in found))


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
