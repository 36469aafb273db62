"""Which addresses a hub may send a pod to."""

import pytest

from augmentation_api import FailureReason
from augmentation_api.reach import Reach, reach_of
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.destinations import Destinations

NAMES = {
    "hub.example": ["203.0.114.5"],
    "hub.internal": ["10.1.2.3"],
    "cdn.example": ["198.41.0.4", "2001:503:ba3e::2:30"],
    "minio.internal": ["10.9.9.9"],
    "rebound.example": ["203.0.114.6", "127.0.0.1"],
    "metadata.internal": ["169.254.169.254"],
}


def destinations(endpoint: str) -> Destinations:
    return Destinations(endpoint, lambda host, port: NAMES.get(host, [host]))


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("2606:4700::1111", Reach.PUBLIC),
        ("10.0.0.1", Reach.PRIVATE),
        ("172.16.5.5", Reach.PRIVATE),
        ("192.168.1.1", Reach.PRIVATE),
        ("100.64.3.4", Reach.PRIVATE),
        ("fd12::1", Reach.PRIVATE),
        ("127.0.0.53", Reach.THIS_MACHINE),
        ("::1", Reach.THIS_MACHINE),
        ("::ffff:127.0.0.1", Reach.THIS_MACHINE),
        ("::ffff:10.0.0.1", Reach.PRIVATE),
        ("64:ff9b::a9fe:a9fe", Reach.NOBODY),
        ("64:ff9b::a00:1", Reach.PRIVATE),
        ("2002:a00:1::", Reach.PRIVATE),
        ("169.254.169.254", Reach.NOBODY),
        ("fe80::1%eth0", Reach.NOBODY),
        ("fd00:ec2::254", Reach.NOBODY),
        ("100.100.100.200", Reach.NOBODY),
        ("0.0.0.0", Reach.NOBODY),
        ("224.0.0.1", Reach.NOBODY),
    ],
)
def test_reach_of_an_address(address: str, reach: Reach) -> None:
    assert reach_of(address) is reach


@pytest.mark.parametrize(
    ("hub", "host"),
    [
        ("https://hub.example", "cdn.example"),
        ("https://hub.example", "hub.example"),
        ("https://hub.internal", "minio.internal"),
        ("https://hub.internal", "cdn.example"),
        ("http://127.0.0.1:8080", "minio.internal"),
        ("http://127.0.0.1:8080", "localhost.localdomain"),
    ],
)
def test_hub_may_redirect_to_hosts_as_public_as_itself(hub: str, host: str) -> None:
    names = {**NAMES, "localhost.localdomain": ["127.0.0.1"]}
    found = Destinations(hub, lambda name, port: names.get(name, [name])).addresses_of(host, 443)
    assert found == names[host]


@pytest.mark.parametrize(
    ("hub", "host"),
    [
        ("https://hub.example", "minio.internal"),
        ("https://hub.example", "127.0.0.1"),
        ("https://hub.internal", "127.0.0.1"),
        ("https://hub.example", "metadata.internal"),
        ("https://hub.internal", "169.254.169.254"),
        ("http://127.0.0.1:8080", "169.254.169.254"),
    ],
)
def test_hub_may_not_redirect_elsewhere(hub: str, host: str) -> None:
    with pytest.raises(WorkerFailure) as caught:
        destinations(hub).addresses_of(host, 443)
    assert caught.value.reason is FailureReason.HUB_UNAVAILABLE
    assert host in caught.value.message


def test_another_port_of_the_hubs_host_is_another_place() -> None:
    hub = destinations("http://127.0.0.1:8080")
    assert hub.is_hub("127.0.0.1", 8080, "http")
    assert not hub.is_hub("127.0.0.1", 8081, "http")
    assert not destinations("https://hub.example").is_hub("hub.example", None, "http")


def test_only_the_allowed_addresses_of_a_name_are_connected_to() -> None:
    assert destinations("https://hub.example").addresses_of("rebound.example", 443) == ["203.0.114.6"]


def test_hub_whose_own_name_cannot_be_resolved_counts_as_public() -> None:
    def resolve(host: str, port: int) -> list[str]:
        if host == "hub.example":
            raise OSError("no such host")
        return [host]

    with pytest.raises(WorkerFailure):
        Destinations("https://hub.example", resolve).addresses_of("10.0.0.1", 443)
