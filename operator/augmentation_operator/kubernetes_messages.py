"""What only the prose of Kubernetes and Kueue says, and no field does. All matching of such text is in this module.

Such text may change with any release: each function has tests with whole sentences, to be compared with new ones.
"""


def exceeds_quota(message: str) -> bool:
    """Whether pods were rejected because of a ResourceQuota (Event FailedCreate of a Job)."""
    return "exceeded quota" in message


def is_webhook_failure(message: str) -> bool:
    """Whether an admission webhook did not answer (error of the API server, status 500)."""
    return "failed calling webhook" in message


def is_disk_exhausted(message: str) -> bool:
    """Whether the kubelet evicted a pod for its local disk: a full emptyDir, or the limit of ephemeral storage."""
    return "EmptyDir" in message or "ephemeral" in message


def without_pod_set(message: str) -> str:
    """Kueue's reason why quota is missing, without the name of the only pod set there is."""
    return message.replace("couldn't assign flavors to pod set main: ", "")
