"""Connections that the chart's network policies allow, evaluated as a network plugin would."""

import ipaddress
import json

import pytest

from augmentation_operator.manifests.network_policy import ApiServerAddress, WorkersEgress, network_policy
from devcluster.demo.installation import TO_THE_HUB
from tests.integration.chart.helm_template import Json, one, rendered

HUB_IN_CLUSTER = {
    "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "hub"}}}],
    "ports": [{"port": 8080}],
}


def workers_policy(values: Json | None = None) -> Json:
    """The policy that the operator creates from the chart's file, with an API server at 172.18.0.2:6443."""
    file = one(rendered(values), "ConfigMap", "augmentation-workers-egress")["data"]["egress.json"]
    egress = WorkersEgress(tuple(json.loads(file)["egress"]))
    return network_policy("robots", egress, [ApiServerAddress("172.18.0.2/32", 6443)])


def reaches(policy: Json, address: str, port: int, protocol: str = "TCP") -> bool:
    """Whether a policy allows its pods to connect to an address outside of the cluster."""
    return any(
        _has_port(rule, port, protocol) and ("to" not in rule or any(_has_address(to, address) for to in rule["to"]))
        for rule in policy["spec"]["egress"]
    )


def _has_port(rule: Json, port: int, protocol: str) -> bool:
    return any((entry["port"], entry.get("protocol", "TCP")) == (port, protocol) for entry in rule["ports"])


def _has_address(peer: Json, address: str) -> bool:
    if "ipBlock" not in peer:
        return False
    host, block = ipaddress.ip_address(address), peer["ipBlock"]
    excepted = block.get("except", [])
    return host in ipaddress.ip_network(block["cidr"]) and not any(
        host in ipaddress.ip_network(network) for network in excepted
    )


@pytest.mark.parametrize("port", [80, 443])
@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"],
)
def test_worker_cannot_reach_cloud_metadata_address(address: str, port: int) -> None:
    assert not reaches(workers_policy(), address, port)


@pytest.mark.parametrize(
    "address",
    [
        "10.96.0.10",
        "172.16.0.1",
        "172.31.255.254",
        "192.168.1.1",
        "100.64.0.1",
        "127.0.0.1",
        "fc00::1",
        "fdab::1",
        "fe80::1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::a00:1",
    ],
)
def test_worker_cannot_reach_private_address_at_hub_port(address: str) -> None:
    assert not reaches(workers_policy(), address, 443)


@pytest.mark.parametrize("address", ["18.155.68.44", "172.32.0.1", "2600:9000:2511::1", "64:ff9b::129b:442c"])
def test_worker_reaches_public_hub(address: str) -> None:
    assert reaches(workers_policy(), address, 443)
    assert not reaches(workers_policy(), address, 22)


def test_worker_reaches_api_server_but_not_its_neighbors() -> None:
    assert reaches(workers_policy(), "172.18.0.2", 6443)
    assert not reaches(workers_policy(), "172.18.0.3", 6443)
    assert not reaches(workers_policy(), "172.18.0.2", 443)


def test_dns_is_allowed_everywhere_or_to_configured_resolvers() -> None:
    assert reaches(workers_policy(), "169.254.20.10", 53, "UDP")
    peers = [{"ipBlock": {"cidr": "10.96.0.10/32"}}]
    narrow = workers_policy({"networkPolicies": {"dnsPeers": peers}})
    assert reaches(narrow, "10.96.0.10", 53, "UDP")
    assert not reaches(narrow, "169.254.20.10", 53, "UDP")


def test_worker_reaches_gke_metadata_server_on_request_only() -> None:
    places = [("169.254.169.252", 988), ("169.254.169.254", 80)]
    assert not any(reaches(workers_policy(), *place) for place in places)
    opened = workers_policy({"networkPolicies": {"workers": {"gkeMetadataServer": True}}})
    assert all(reaches(opened, *place) for place in places)
    assert not reaches(opened, "169.254.169.254", 443)
    assert not reaches(opened, "169.254.170.23", 80)


@pytest.mark.parametrize("rule", [HUB_IN_CLUSTER, TO_THE_HUB])
def test_hub_inside_cluster_is_allowed_by_rule(rule: Json) -> None:
    assert rule in workers_policy({"networkPolicies": {"workers": {"extraEgress": [rule]}}})["spec"]["egress"]


def test_hub_at_private_address_is_allowed_by_rule() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.20.30.40/32"}}], "ports": [{"port": 443}]}
    policy = workers_policy({"networkPolicies": {"workers": {"extraEgress": [rule]}}})
    assert reaches(policy, "10.20.30.40", 443)
    assert not reaches(policy, "10.20.30.41", 443)


@pytest.mark.parametrize("name", ["augmentation-operator", "augmentation-gateway"])
def test_operator_and_gateway_have_network_policies_by_default(name: str) -> None:
    policy = one(rendered(), "NetworkPolicy", name)
    assert reaches(policy, "172.18.0.2", 6443)
    assert not reaches(policy, "172.18.0.2", 80)
    assert not reaches(policy, "169.254.169.254", 80)


def test_api_server_addresses_are_configurable() -> None:
    policy = one(
        rendered({"networkPolicies": {"apiServerCIDRs": ["10.1.0.0/28"]}}), "NetworkPolicy", "augmentation-operator"
    )
    assert reaches(policy, "10.1.0.3", 443)
    assert not reaches(policy, "10.1.0.33", 443)


@pytest.mark.parametrize("name", ["augmentation-operator", "augmentation-gateway"])
def test_metrics_are_open_to_configured_scrapers_only(name: str) -> None:
    def askers(values: Json) -> list[object]:
        ingress = one(rendered(values), "NetworkPolicy", name)["spec"]["ingress"]
        return [rule.get("from", "anybody") for rule in ingress if {"port": "metrics"} in rule["ports"]]

    prometheus = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert askers({}) == ["anybody"]
    assert askers({"networkPolicies": {"metricsPeers": prometheus}}) == [prometheus]


def test_operator_probe_is_open_to_its_node_only() -> None:
    ingress = one(rendered(), "NetworkPolicy", "augmentation-operator")["spec"]["ingress"]
    assert [rule["ports"] for rule in ingress] == [[{"port": "metrics"}]]


def test_trace_collector_is_allowed_by_rule() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.9.0.1/32"}}], "ports": [{"port": 4318}]}
    values = {"networkPolicies": {"gateway": {"extraEgress": [rule]}}}
    assert reaches(one(rendered(values), "NetworkPolicy", "augmentation-gateway"), "10.9.0.1", 4318)


def test_policies_can_be_disabled() -> None:
    kinds = {manifest["kind"] for manifest in rendered({"networkPolicies": {"enabled": False}})}
    assert "NetworkPolicy" not in kinds
