"""Sentences of Kubernetes and Kueue, word for word, and what is read out of each."""

from collections.abc import Callable

import pytest

from augmentation_operator.kubernetes_messages import (
    exceeds_quota,
    is_disk_exhausted,
    is_webhook_failure,
    limited_resources,
    missing_resources,
    quota_shortages,
    without_pod_set,
)

QUOTA = (
    'Error creating: pods "kitchen-0f1e2d3c-augment-0-x7x2v" is forbidden: exceeded quota: team-a, requested: pods=1, '
    "used: pods=4, limited: pods=4"
)
WEBHOOK = (
    'Internal error occurred: failed calling webhook "mjob.kb.io": failed to call webhook: Post '
    '"https://kueue-webhook-service.kueue-system.svc:443/mutate-batch-v1-job?timeout=10s": dial tcp 10.96.0.7:443: '
    "connect: connection refused"
)
SCRATCH_VOLUME = 'Usage of EmptyDir volume "scratch" exceeds the limit "20Gi". '
DISK_OF_POD = "Pod ephemeral local storage usage exceeds the total limit of containers 21Gi. "
DISK_OF_NODE = (
    "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 512Mi. Container worker was "
    "using 3Gi, request is 0, has larger consumption of ephemeral-storage. "
)
MEMORY_OF_NODE = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. "
FORBIDDEN = 'jobs.batch is forbidden: User "system:serviceaccount:op:op" cannot create resource "jobs"'
POD_SECURITY = 'Error creating: pods "kitchen-0" is forbidden: violates PodSecurity "restricted:latest"'
NO_QUOTA = "insufficient unused quota for nvidia.com/gpu in flavor l4, 1 more needed"


@pytest.mark.parametrize(
    ("matches", "message", "expected"),
    [
        (exceeds_quota, QUOTA, True),
        (exceeds_quota, POD_SECURITY, False),
        (is_webhook_failure, WEBHOOK, True),
        (is_webhook_failure, FORBIDDEN, False),
        (is_disk_exhausted, SCRATCH_VOLUME, True),
        (is_disk_exhausted, DISK_OF_POD, True),
        (is_disk_exhausted, DISK_OF_NODE, True),
        (is_disk_exhausted, MEMORY_OF_NODE, False),
    ],
)
def test_sentence_is_understood(matches: Callable[[str], bool], message: str, expected: bool) -> None:
    assert matches(message) is expected


@pytest.mark.parametrize("message", [f"couldn't assign flavors to pod set main: {NO_QUOTA}", NO_QUOTA])
def test_kueue_reason_is_shown_without_the_pod_set(message: str) -> None:
    assert without_pod_set(message) == NO_QUOTA


NEVER = (
    "couldn't assign flavors to pod set main: insufficient quota for cpu in flavor l4, previously considered podsets "
    "requests (0) + current podset request (6500m) > maximum capacity (4), insufficient quota for memory in flavor l4, "
    "previously considered podsets requests (0) + current podset request (13Gi) > maximum capacity (8Gi)"
)


def test_quota_that_can_never_be_given_is_read_from_kueues_sentence() -> None:
    assert quota_shortages(NEVER) == [("cpu", "l4", "6500m", "4"), ("memory", "l4", "13Gi", "8Gi")]
    assert quota_shortages(f"{NEVER}, {NO_QUOTA}") == []
    assert quota_shortages(NO_QUOTA) == []


@pytest.mark.parametrize(
    ("message", "missing", "limited"),
    [
        ("failed quota: q: must specify limits.cpu for: worker", ("limits.cpu",), ()),
        (
            "failed quota: q: must specify limits.cpu for: worker; limits.memory for: a-proxy,worker",
            ("limits.cpu", "limits.memory"),
            (),
        ),
        ("failed quota: q: must specify cpu,limits.memory", ("requests.cpu", "limits.memory"), ()),
        (
            "is forbidden: [maximum cpu usage per Container is 2, but limit is 4, maximum cpu usage per Pod is 4, but "
            "limit is 5]",
            (),
            ("limits.cpu",),
        ),
        ("minimum memory usage per Container is 1Gi, but request is 512Mi", (), ("requests.memory",)),
        ("maximum memory usage per Container is 1Gi, but no limit is specified", (), ("limits.memory",)),
        ("violates PodSecurity", (), ()),
    ],
)
def test_field_to_set_is_named(message: str, missing: tuple[str, ...], limited: tuple[str, ...]) -> None:
    """Words of k8s.io/apiserver's quota admission and of plugin/pkg/admission/limitranger."""
    assert missing_resources(message) == missing
    assert limited_resources(message) == limited
