"""One of several operators leads: never two at once, never nobody for long."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from augmentation_kube import KubeError, KubeUnavailable, Resource
from augmentation_operator.process.leadership import LEASE_SECONDS, PERIOD_SECONDS, RENEW_DEADLINE_SECONDS, Leadership


class StandInLeases:
    """The API server's part: one Lease, changed only by who has read its newest version."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.is_away = False

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""

    async def get(self, resource: Resource, name: str, namespace: str) -> dict[str, Any]:
        self._answer(resource)
        if self.lease is None:
            raise KubeError(404, "NotFound", "there is no such Lease")
        return copy.deepcopy(self.lease)

    async def create(self, resource: Resource, body: dict[str, Any], namespace: str) -> None:
        self._answer(resource)
        if self.lease is not None:
            raise KubeError(409, "AlreadyExists", "there is one")
        self.lease = copy.deepcopy(body)
        self._changed()

    async def merge_patch(self, resource: Resource, name: str, body: dict[str, Any], *, namespace: str) -> None:
        self._answer(resource)
        assert self.lease is not None
        if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise KubeError(409, "Conflict", "it was changed")
        self.lease["spec"] |= body["spec"]
        self._changed()

    def _changed(self) -> None:
        assert self.lease is not None
        self.version += 1
        self.lease["metadata"]["resourceVersion"] = str(self.version)

    def _answer(self, resource: Resource) -> None:
        assert resource == Resource.LEASES
        if self.is_away:
            raise KubeUnavailable("no route to host")


class Enough(Exception):
    """The test has seen enough: time stops."""


class Candidate:
    """A process with a clock of its own, which stops at `until`."""

    def __init__(self, leases: StandInLeases, identity: str, clock: float = 0.0) -> None:
        self.now, self.until = clock, clock
        self.leadership = Leadership(
            leases,  # type: ignore[arg-type]
            "system",
            identity,
            clock=lambda: self.now,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        if self.now + seconds > self.until:
            raise Enough
        self.now += seconds

    async def tries_for(self, seconds: float) -> bool:
        """Whether it becomes the leader in this time."""
        self.until = self.now + seconds
        try:
            await self.leadership.acquire()
        except Enough:
            return False
        return True

    async def keeps_for(self, seconds: float) -> bool:
        """Whether it still leads after this time."""
        self.until = self.now + seconds
        try:
            await self.leadership.hold()
        except Enough:
            return True
        return False


async def test_the_first_one_leads() -> None:
    leases = StandInLeases()
    assert await Candidate(leases, "a").tries_for(0)
    assert leases.holder == "a"


async def test_a_second_one_waits_for_as_long_as_the_first_renews() -> None:
    leases = StandInLeases()
    first, second = Candidate(leases, "a"), Candidate(leases, "b")
    assert await first.tries_for(0)
    for _ in range(20):
        assert await first.keeps_for(PERIOD_SECONDS)
        assert not await second.tries_for(PERIOD_SECONDS)
    assert leases.holder == "a"


async def test_a_second_one_leads_once_the_first_has_been_silent_for_the_lease() -> None:
    leases = StandInLeases()
    first, second = Candidate(leases, "a"), Candidate(leases, "b")
    assert await first.tries_for(0)
    assert not await second.tries_for(LEASE_SECONDS - PERIOD_SECONDS)
    assert await second.tries_for(2 * PERIOD_SECONDS)
    assert leases.holder == "b"
    assert leases.lease is not None
    assert leases.lease["spec"]["leaseTransitions"] == 1


async def test_clocks_of_two_machines_are_not_compared() -> None:
    leases = StandInLeases()
    first, second = Candidate(leases, "a", clock=0.0), Candidate(leases, "b", clock=1_000_000.0)
    assert await first.tries_for(0)
    assert not await second.tries_for(LEASE_SECONDS - PERIOD_SECONDS)


async def test_a_leader_that_was_replaced_notices() -> None:
    leases = StandInLeases()
    first, second = Candidate(leases, "a"), Candidate(leases, "b")
    assert await first.tries_for(0)
    assert await second.tries_for(2 * LEASE_SECONDS)
    assert not await first.keeps_for(2 * PERIOD_SECONDS)


async def test_a_leader_without_an_api_server_stops_before_another_one_may_lead() -> None:
    assert RENEW_DEADLINE_SECONDS + PERIOD_SECONDS < LEASE_SECONDS
    leases = StandInLeases()
    leader = Candidate(leases, "a")
    assert await leader.tries_for(0)
    leases.is_away = True
    assert await leader.keeps_for(RENEW_DEADLINE_SECONDS - PERIOD_SECONDS)
    assert not await leader.keeps_for(2 * PERIOD_SECONDS)
    assert leader.now <= RENEW_DEADLINE_SECONDS + PERIOD_SECONDS


async def test_a_short_outage_costs_nobody_the_lead() -> None:
    leases = StandInLeases()
    leader = Candidate(leases, "a")
    assert await leader.tries_for(0)
    leases.is_away = True
    assert await leader.keeps_for(PERIOD_SECONDS)
    leases.is_away = False
    assert await leader.keeps_for(10 * LEASE_SECONDS)


async def test_of_two_that_try_at_once_one_leads() -> None:
    leases = StandInLeases()
    leases.lease = {"metadata": {"resourceVersion": "0"}, "spec": {"holderIdentity": ""}}
    read = copy.deepcopy(leases.lease)
    assert await Candidate(leases, "a").tries_for(0)
    with pytest.raises(KubeError):
        await leases.merge_patch(
            Resource.LEASES, "x", {"metadata": read["metadata"], "spec": {"holderIdentity": "b"}}, namespace="system"
        )
    assert leases.holder == "a"


async def test_a_leader_that_stops_in_order_is_followed_at_once() -> None:
    leases = StandInLeases()
    first, second = Candidate(leases, "a"), Candidate(leases, "b")
    assert await first.tries_for(0)
    await first.leadership.release()
    assert await second.tries_for(0)


async def test_a_lease_of_somebody_else_is_not_released() -> None:
    leases = StandInLeases()
    first, second = Candidate(leases, "a"), Candidate(leases, "b")
    assert await first.tries_for(0)
    await second.leadership.release()
    assert leases.holder == "a"


async def test_a_container_that_starts_again_in_the_same_pod_goes_on_at_once() -> None:
    leases = StandInLeases()
    assert await Candidate(leases, "pod-a").tries_for(0)
    assert await Candidate(leases, "pod-a").tries_for(0)
