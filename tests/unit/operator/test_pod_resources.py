"""Resources of a worker's container: every resource that a quota counts is named."""

from typing import Any

import pytest

from augmentation_api.pod_fields import Resources
from augmentation_api.quantity import parse_quantity
from augmentation_operator.manifests.pod_resources import pod_resources

COUNTED = {"cpu", "memory", "ephemeral-storage"}


def resources_of(scratch: str = "20Gi", **stated: Any) -> dict[str, Any]:
    return pod_resources(Resources(**stated), scratch)


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "4Gi"}},
        {"limits": {"memory": "4Gi", "nvidia.com/gpu": "1"}},
    ],
)
def test_every_resource_that_a_quota_counts_is_limited(stated: dict[str, Any]) -> None:
    resources = resources_of(**stated)
    assert set(resources["limits"]) >= COUNTED
    # Kubernetes requests what is limited where no request is named.
    assert {*resources["requests"], *resources["limits"]} >= COUNTED


def test_resources_of_the_class_are_unchanged() -> None:
    stated: dict[str, Any] = {
        "requests": {"cpu": "3", "memory": "1Gi", "ephemeral-storage": "5Gi"},
        "limits": {"cpu": "3", "memory": "2Gi", "ephemeral-storage": "6Gi", "nvidia.com/gpu": "1"},
    }
    assert resources_of(**stated) == stated


def test_nothing_is_requested_that_the_class_does_not_request() -> None:
    resources = resources_of(limits={"memory": "64Gi"})
    assert (resources["requests"]["cpu"], resources["requests"]["ephemeral-storage"]) == ("0", "0")
    assert "memory" not in resources["requests"]


@pytest.mark.parametrize(
    ("requested", "limit"), [("250m", "2000m"), ("1", "4000m"), ("16", "64000m"), ("0.7", "2800m")]
)
def test_cpu_limit_is_four_times_the_request_and_at_least_two(requested: str, limit: str) -> None:
    assert resources_of(requests={"cpu": requested})["limits"]["cpu"] == limit


@pytest.mark.parametrize(("scratch", "limit"), [("20Gi", "21504Mi"), ("500M", "1501Mi"), ("1Ti", "1049600Mi")])
def test_ephemeral_storage_covers_the_scratch_volume_and_logs(scratch: str, limit: str) -> None:
    assert resources_of(scratch)["limits"]["ephemeral-storage"] == limit


def test_ephemeral_storage_limit_is_never_below_the_request() -> None:
    resources = resources_of("1Gi", requests={"ephemeral-storage": "40Gi"})
    assert parse_quantity(resources["limits"]["ephemeral-storage"]) == parse_quantity("40Gi")
