"""Floods of a real gateway with the chart's limits: memory and latency of others. `make attack-gateway` is longer."""

from collections.abc import Iterator

import pytest

from benchmarks.attack_gateway import MEMORY_MIB, Attacked
from benchmarks.gateway_attacks import ATTACKS
from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import RIGHTS

EXPECTED: dict[str, set[str]] = {
    "huge headers": {"431", "closed"},
    "endless headers": {"431", "closed"},
    "deep JSON": {"422", "429"},
    "unknown fields": {"400", "429"},
    "wrong keys": {"401"},
    "10,000 keys": {"200"},
    "costly lists": {"200"},
    "streams": {"200", "429", "503", "closed", "TimeoutError"},
    "reconnecting": {"200", "429", "503", "closed", "TimeoutError"},
    "pictures": {"200", "429", "503", "closed", "TimeoutError"},
    "pipelining": {"200", "429", "closed", "TimeoutError"},
    "huge queries": {"422", "429"},
    "unread answers": {"unread", "closed"},
    "slow headers": set(),
    "slow bodies": {"429", "closed"},
    "idle sockets": {"closed"},
}
"""What attackers get, if anything: how far they come in two seconds depends on the machine."""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    # Its jobs and default class must not appear in the namespace of other tests.
    with ControlPlane(tmp_path_factory.mktemp("attacked")) as plane:
        plane.kubectl("apply", "--server-side", "-f", "-", manifest=RIGHTS)
        attacked = Attacked(plane, tmp_path_factory.mktemp("attacked-gateway"), keys=1000, jobs=50)
        attacked.gateway.start()
        try:
            attacked.gateway.await_ready()
            yield attacked
        finally:
            assert attacked.gateway.stop() == 0


@pytest.mark.parametrize("name", ATTACKS)
def test_flood_stays_within_memory_limit_and_blocks_no_client(attacked: Attacked, name: str) -> None:
    outcome = attacked.attack(name, seconds=2, scale=0.1)
    assert outcome.attacker_code == 0
    assert set(outcome.answers) <= EXPECTED[name]
    assert not outcome.failed
    assert outcome.peak_mib < MEMORY_MIB
