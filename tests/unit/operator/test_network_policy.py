"""What workers may connect to: what the chart lets them, and the API server where it is now."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from augmentation_kube import KubeError, KubeUnavailable, Resource
from augmentation_operator.controller.worker_isolation import ADDRESSES_KEPT, KEPT, WorkerIsolation
from augmentation_operator.manifests.network_policy import (
    ApiServerAddress,
    WorkersEgress,
    api_server_addresses,
    network_policy,
    read_workers_egress,
)

DNS = {"ports": [{"port": 53, "protocol": "UDP"}]}
SERVICE = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def endpoint_slice(*addresses: str, port: int = 6443) -> dict[str, Any]:
    return {"endpoints": [{"addresses": list(addresses)}], "ports": [{"name": "https", "port": port}]}


class ApiServer:
    """Tells where it is, and keeps what is applied."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.applied: list[tuple[str, list[str]]] = []
        self.error: Exception | None = None
        self.crds: list[str] = []

    async def get(self, resource: Resource, name: str, namespace: str) -> dict[str, Any]:
        assert (resource, name, namespace) == (Resource.ENDPOINT_SLICES, "kubernetes", "default")
        if self.error:
            raise self.error
        return endpoint_slice(*self.addresses)

    async def list(self, resource: Resource, *, field_selector: str) -> dict[str, Any]:
        assert resource == Resource.CUSTOM_RESOURCES
        return {"items": [name for name in self.crds if field_selector == f"metadata.name={name}"]}

    async def apply(self, resource: Resource, name: str, body: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        assert (resource, name) == (Resource.NETWORK_POLICIES, "augmentation-workers")
        await asyncio.sleep(0)
        cidrs = [peer["ipBlock"]["cidr"] for rule in body["spec"]["egress"] for peer in rule.get("to", [])]
        self.applied.append((body["metadata"]["namespace"], cidrs))
        return {}


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, time: timedelta) -> None:
        self.now += time


def isolation(api: ApiServer, clock: Clock | None = None, **egress: Any) -> WorkerIsolation:
    return WorkerIsolation(api, WorkersEgress((DNS,), **egress), clock or Clock(), environ={})  # type: ignore[arg-type]


def test_api_server_is_allowed_at_its_own_and_its_services_addresses() -> None:
    addresses = api_server_addresses(endpoint_slice("172.18.0.2", "fd00::2"), "10.96.0.1", "443")
    assert addresses == {("172.18.0.2/32", 6443), ("fd00::2/128", 6443), ("10.96.0.1/32", 443)}


def test_port_of_the_api_server_is_allowed_at_no_other_address() -> None:
    addresses = api_server_addresses(endpoint_slice("172.18.0.2"), "10.96.0.1", "443")
    policy = network_policy("robots", WorkersEgress((DNS,)), addresses)
    *reached, dns = policy["spec"]["egress"]
    assert dns == DNS
    assert all(len(rule["to"]) == 1 and rule["to"][0]["ipBlock"]["cidr"].endswith("/32") for rule in reached)


def test_cilium_is_given_the_port_at_any_address() -> None:
    addresses = api_server_addresses(endpoint_slice("172.18.0.2"), "10.96.0.1", "443", cilium=True)
    assert ApiServerAddress("", 6443) in addresses
    policy = network_policy("robots", WorkersEgress(()), addresses)
    assert {"ports": [{"port": 6443, "protocol": "TCP"}]} in policy["spec"]["egress"]


def test_port_443_is_never_allowed_at_any_address() -> None:
    addresses = api_server_addresses(endpoint_slice("35.1.2.3", port=443), "10.96.0.1", "443", cilium=True)
    assert all(address.cidr for address in addresses)


def test_all_ingress_to_workers_is_denied() -> None:
    spec = network_policy("robots", WorkersEgress(()), [])["spec"]
    assert spec["ingress"] == []
    assert spec["policyTypes"] == ["Ingress", "Egress"]


async def test_namespace_costs_one_call_for_any_number_of_jobs() -> None:
    api = ApiServer("172.18.0.2")
    kept = isolation(api)
    await asyncio.gather(*(kept.ensure("robots") for _ in range(16)), *(kept.ensure("arms") for _ in range(16)))
    assert [namespace for namespace, _ in api.applied] == ["robots", "arms"]


async def test_deleted_policy_is_restored() -> None:
    api, clock = ApiServer("172.18.0.2"), Clock()
    kept = isolation(api, clock)
    await kept.ensure("robots")
    clock.pass_time(KEPT)
    await kept.refresh(["robots"])
    assert len(api.applied) == 2


async def test_policy_follows_an_api_server_that_moves() -> None:
    api, clock = ApiServer("172.18.0.2"), Clock()
    kept = isolation(api, clock)
    await kept.ensure("robots")
    api.addresses = ("172.18.0.9",)
    clock.pass_time(ADDRESSES_KEPT)
    await kept.refresh(["robots"])
    assert [cidrs for _, cidrs in api.applied] == [["172.18.0.2/32"], ["172.18.0.9/32"]]


async def test_addresses_are_kept_while_they_cannot_be_read() -> None:
    api, clock = ApiServer("172.18.0.2"), Clock()
    kept = isolation(api, clock)
    await kept.ensure("robots")
    api.error = KubeUnavailable("away")
    clock.pass_time(ADDRESSES_KEPT)
    await kept.refresh(["robots"])
    assert len(api.applied) == 1


async def test_no_worker_is_created_without_a_policy() -> None:
    api = ApiServer("172.18.0.2")
    api.error = KubeError(403, "Forbidden", "endpointslices is forbidden")
    with pytest.raises(KubeError):
        await isolation(api).ensure("robots")
    assert api.applied == []


async def test_configured_addresses_are_not_looked_up() -> None:
    api = ApiServer()
    api.error = KubeUnavailable("not to be asked")
    await isolation(api, api_server=frozenset({ApiServerAddress("10.0.0.0/28", 6443)})).ensure("robots")
    assert api.applied == [("robots", ["10.0.0.0/28"])]


async def test_nothing_is_written_where_policies_are_off() -> None:
    api = ApiServer()
    await WorkerIsolation(api, None, Clock()).ensure("robots")  # type: ignore[arg-type]
    assert api.applied == []


def test_file_of_the_chart_is_read(tmp_path: Path) -> None:
    file = tmp_path / "egress.json"
    document = {"egress": [DNS], "apiServerCIDRs": ["10.0.0.0/28"], "apiServerPorts": [443, 6443]}
    file.write_text(json.dumps(document))
    named = {ApiServerAddress("10.0.0.0/28", 443), ApiServerAddress("10.0.0.0/28", 6443)}
    assert read_workers_egress(file) == WorkersEgress((DNS,), frozenset(named))
