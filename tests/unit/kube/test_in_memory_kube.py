"""The in-memory Kubernetes API conforms to the real one and fails on demand."""

import asyncio
from datetime import UTC, datetime

import pytest

from augmentation_kube import KubeError, KubeUnavailable, Resource
from tests.kubernetes.conformance import SCENARIOS, Scenario, config_map, watched
from tests.kubernetes.in_memory import InMemoryKube

MAPS = Resource.CONFIG_MAPS


@pytest.fixture
def kube() -> InMemoryKube:
    return InMemoryKube(lambda: datetime(2026, 1, 1, tzinfo=UTC), first_version=1000)


@pytest.mark.parametrize("check", SCENARIOS, ids=lambda check: check.__name__)
async def test_in_memory_kube_passes_conformance_scenarios(kube: InMemoryKube, check: Scenario) -> None:
    await check(kube, "conformance")


async def test_requests_fail_on_demand(kube: InMemoryKube) -> None:
    kube.fail(KubeUnavailable("away"), "create", MAPS, times=1)
    with pytest.raises(KubeUnavailable):
        await kube.create(MAPS, config_map(), "a")
    await kube.create(MAPS, config_map(), "a")
    kube.fail(KubeError(500, "", "no"))
    for _ in range(2):
        with pytest.raises(KubeError):
            await kube.get(MAPS, "a", "a")
    kube.recover()
    assert (await kube.get(MAPS, "a", "a"))["data"]
    assert [call.verb for call in kube.calls] == ["create", "create", "get", "get", "get"]


async def test_response_is_lost_on_demand_after_request_took_effect(kube: InMemoryKube) -> None:
    kube.fail(KubeUnavailable("broke off"), "create", after_effect=True, times=1)
    with pytest.raises(KubeUnavailable):
        await kube.create(MAPS, config_map(), "a")
    assert kube.find(MAPS, "a", "a")


async def test_open_watches_end_and_history_expires_on_demand(kube: InMemoryKube) -> None:
    for error in (None, KubeUnavailable("broke off")):
        is_open = asyncio.Event()
        watching = asyncio.create_task(watched(kube, 1, MAPS, "1000", opened=is_open.set))
        await is_open.wait()
        await asyncio.sleep(0)
        kube.end_watches(error)
        (result,) = await asyncio.gather(watching, return_exceptions=True)
        assert result == (error or [])
    await kube.create(MAPS, config_map(), "a")
    kube.expire()
    with pytest.raises(KubeError, match="too old"):
        await watched(kube, 1, MAPS, "1000")
