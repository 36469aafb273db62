"""A cluster gets the requested ports, the preferred ones, or free ones."""

import socket

import pytest

from devcluster.errors import MissingRequirement
from devcluster.ports import FALLBACK_PORTS, choose_ports, is_free

PREFERRED = {"GATEWAY_PORT": 18080, "HUB_PORT": 18081, "REGISTRY_PORT": 15000}


def test_free_preferred_ports_are_used() -> None:
    assert choose_ports({}, PREFERRED, (), lambda _: True) == PREFERRED


def test_port_in_use_is_replaced_and_others_stay() -> None:
    chosen = choose_ports({}, PREFERRED, (), lambda port: port != 18080)
    assert chosen == {**PREFERRED, "GATEWAY_PORT": FALLBACK_PORTS[0]}


def test_ports_of_stopped_clusters_are_reserved() -> None:
    chosen = choose_ports({}, PREFERRED, PREFERRED.values(), lambda _: True)
    assert not set(chosen.values()) & set(PREFERRED.values())
    assert len(set(chosen.values())) == len(PREFERRED)


def test_requested_port_is_used() -> None:
    assert choose_ports({"HUB_PORT": 4444}, PREFERRED, (), lambda _: True)["HUB_PORT"] == 4444


def test_requested_port_in_use_is_rejected_by_name() -> None:
    with pytest.raises(MissingRequirement, match="HUB_PORT=4444 is taken"):
        choose_ports({"HUB_PORT": 4444}, PREFERRED, (), lambda port: port != 4444)


def test_port_cannot_be_requested_twice() -> None:
    with pytest.raises(MissingRequirement, match="taken"):
        choose_ports({"HUB_PORT": 4444, "GATEWAY_PORT": 4444}, PREFERRED, (), lambda _: True)


def test_port_requested_for_one_service_is_not_assigned_to_another() -> None:
    chosen = choose_ports({"HUB_PORT": 18080}, PREFERRED, (), lambda _: True)
    assert chosen["GATEWAY_PORT"] != 18080


def test_listening_port_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)
