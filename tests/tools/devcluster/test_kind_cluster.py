"""When a cluster is recreated, and its kind configuration."""

import dataclasses
import json
from pathlib import Path

import pytest

from devcluster.cluster_state import ClusterState, dump_state, parse_state, read_state, write_state
from devcluster.kind_cluster import Health, reason_to_create
from devcluster.kind_config import hosts_toml, kind_config
from devcluster.leftovers import is_mounted
from devcluster.podman_network import parse_gateway
from devcluster.provider import Provider

READY = ClusterState(
    provider=Provider.PODMAN,
    node_image="node:1",
    gateway_port=1,
    hub_port=2,
    registry_port=3,
    registry="10.0.0.1:3",
    registry_push="10.0.0.1:3",
    ready=True,
)
WELL = Health(api=True, registry=True)


def test_healthy_cluster_is_kept() -> None:
    assert reason_to_create(READY, Provider.PODMAN, "node:1", WELL) is None


def test_stopped_registry_alone_does_not_recreate_cluster() -> None:
    assert reason_to_create(READY, Provider.PODMAN, "node:1", Health(api=True, registry=False)) is None


@pytest.mark.parametrize(
    ("recorded", "provider", "image", "health", "reason"),
    [
        (None, Provider.PODMAN, "node:1", WELL, "no cluster on record"),
        (dataclasses.replace(READY, ready=False), Provider.PODMAN, "node:1", WELL, "not finished"),
        (READY, Provider.DOCKER, "node:1", WELL, "made with podman"),
        (READY, Provider.PODMAN, "node:2", WELL, "pins"),
        (READY, Provider.PODMAN, "node:1", Health(api=False, registry=True), "does not answer"),
    ],
)
def test_every_other_state_recreates_cluster_with_readable_reason(
    recorded: ClusterState | None, provider: Provider, image: str, health: Health, reason: str
) -> None:
    assert reason in (reason_to_create(recorded, provider, image, health) or "")


def test_record_round_trips(tmp_path: Path) -> None:
    write_state(tmp_path / "new", READY)
    assert read_state(tmp_path / "new") == READY
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["cluster.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"provider": "lxc"}', dump_state(READY).replace("hub_port", "x")]
)
def test_record_of_another_version_is_ignored(text: str) -> None:
    assert parse_state(text) is None


def test_missing_folder_has_no_record(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert read_state(tmp_path / "absent") is None
    assert read_state(tmp_path / "file") is None


def test_node_ports_listen_on_loopback_only() -> None:
    config = json.loads(kind_config(Provider.PODMAN, 1234, 5678, Path("/state/certs.d")))
    mappings = config["nodes"][0]["extraPortMappings"]
    assert [(mapping["containerPort"], mapping["hostPort"]) for mapping in mappings] == [(30080, 1234), (30081, 5678)]
    assert {mapping["listenAddress"] for mapping in mappings} == {"127.0.0.1"}


def test_registry_config_folder_is_mounted_read_only() -> None:
    config = json.loads(kind_config(Provider.DOCKER, 1, 2, Path("/state/certs.d")))
    (mount,) = config["nodes"][0]["extraMounts"]
    assert mount == {"hostPath": "/state/certs.d", "containerPath": "/etc/containerd/certs.d", "readOnly": True}
    assert mount["containerPath"] in config["containerdConfigPatches"][0]


def test_default_node_image_keeps_kind_network() -> None:
    assert "networking" not in json.loads(kind_config(Provider.DOCKER, 1, 2, Path("/c")))
    assert json.loads(kind_config(Provider.PODMAN, 1, 2, Path("/c")))["networking"]["disableDefaultCNI"] is True


def test_containerd_uses_plain_http_for_registry() -> None:
    assert hosts_toml("10.0.0.1:5000").startswith('[host."http://10.0.0.1:5000"]')


def test_ipv4_gateway_is_found_in_dual_stack_network() -> None:
    inspected = json.dumps([{"subnets": [{"gateway": "fc00::1"}, {"gateway": "10.89.0.1"}]}])
    assert parse_gateway(inspected) == "10.89.0.1"


@pytest.mark.parametrize(
    "inspected", ["", "[]", "[{}]", '[{"subnets": []}]', '[{"subnets": [{"gateway": "fc00::1"}]}]']
)
def test_network_without_ipv4_gateway_has_none(inspected: str) -> None:
    assert parse_gateway(inspected) is None


def test_mount_is_found_by_its_folder() -> None:
    mounts = "tmpfs /run tmpfs rw 0 0\n/dev/vda /run/netns ext4 rw 0 0\n"
    assert is_mounted(Path("/run/netns"), mounts)
    assert not is_mounted(Path("/run/net"), mounts)
    assert not is_mounted(Path("/dev/vda"), mounts)
