"""Leader election: never two leaders at the same time, never none for long."""

import copy
from typing import Any

import pytest

from augmentation_kube import KubeError, KubeUnavailable, Resource
from augmentation_operator.process.leadership import LEASE_SECONDS, PERIOD_SECONDS, RENEW_DEADLINE_SECONDS, Leadership


class StandInLeases:
    """The API server's part: one Lease, changed only by a writer that has read its newest version."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.is_unavailable = False

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
        if self.is_unavailable:
            raise KubeUnavailable("no route to host")


class TimeOver(Exception):
    """Raised when the time of the test is over."""


class Candidate:
    """A process with its own clock, which stops at `until`."""

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
            raise TimeOver
        self.now += seconds

    async def acquires_within(self, seconds: float) -> bool:
        """Whether it acquires the lease within this time."""
        self.until = self.now + seconds
        try:
            await self.leadership.acquire()
        except TimeOver:
            return False
        return True

    async def holds_for(self, seconds: float) -> bool:
        """Whether it still holds the lease after this time."""
        self.until = self.now + seconds
        try:
            await self.leadership.hold()
        except TimeOver:
            return True
        return False


async def test_first_candidate_leads() -> None:
    leases = StandInLeases()
    assert await Candidate(leases, "a").acquires_within(0)
    assert leases.holder == "a"


async def test_second_candidate_stands_by_while_the_first_renews() -> None:
    leases = StandInLeases()
    first, second = Candidate(leases, "a"), Candidate(leases, "b")
    assert await first.acquires_within(0)
    for _ in range(20):
        assert await first.holds_for(PERIOD_SECONDS)
        assert not await second.acquires_within(PERIOD_SECONDS)
    assert leases.holder == "a"


async def test_second_candidate_leads_when_the_lease_has_expired() -> None:
    leases = StandInLeases()
    first, second = Candidate(leases, "a"), Candidate(leases, "b")
    assert await first.acquires_within(0)
    assert not await second.acquires_within(LEASE_SECONDS - PERIOD_SECONDS)
    assert await second.acquires_within(2 * PERIOD_SECONDS)
    assert leases.holder == "b"
    assert leases.lease is not None
    assert leases.lease["spec"]["leaseTransitions"] == 1


async def test_clocks_of_two_machines_are_not_compared() -> None:
    leases = StandInLeases()
    first, second = Candidate(leases, "a", clock=0.0), Candidate(leases, "b", clock=1_000_000.0)
    assert await first.acquires_within(0)
    assert not await second.acquires_within(LEASE_SECONDS - PERIOD_SECONDS)


async def test_replaced_leader_notices_that_it_lost_the_lease() -> None:
    leases = StandInLeases()
    first, second = Candidate(leases, "a"), Candidate(leases, "b")
    assert await first.acquires_within(0)
    assert await second.acquires_within(2 * LEASE_SECONDS)
    assert not await first.holds_for(2 * PERIOD_SECONDS)


async def test_leader_without_an_api_server_stops_before_another_may_lead() -> None:
    assert RENEW_DEADLINE_SECONDS + PERIOD_SECONDS < LEASE_SECONDS
    leases = StandInLeases()
    leader = Candidate(leases, "a")
    assert await leader.acquires_within(0)
    leases.is_unavailable = True
    assert await leader.holds_for(RENEW_DEADLINE_SECONDS - PERIOD_SECONDS)
    assert not await leader.holds_for(2 * PERIOD_SECONDS)
    assert leader.now <= RENEW_DEADLINE_SECONDS + PERIOD_SECONDS


async def test_short_outage_does_not_cost_the_lease() -> None:
    leases = StandInLeases()
    leader = Candidate(leases, "a")
    assert await leader.acquires_within(0)
    leases.is_unavailable = True
    assert await leader.holds_for(PERIOD_SECONDS)
    leases.is_unavailable = False
    assert await leader.holds_for(10 * LEASE_SECONDS)


async def test_one_of_two_concurrent_candidates_leads() -> None:
    leases = StandInLeases()
    leases.lease = {"metadata": {"resourceVersion": "0"}, "spec": {"holderIdentity": ""}}
    read = copy.deepcopy(leases.lease)
    assert await Candidate(leases, "a").acquires_within(0)
    with pytest.raises(KubeError):
        await leases.merge_patch(
            Resource.LEASES, "x", {"metadata": read["metadata"], "spec": {"holderIdentity": "b"}}, namespace="system"
        )
    assert leases.holder == "a"


async def test_released_lease_is_acquired_at_once() -> None:
    leases = StandInLeases()
    first, second = Candidate(leases, "a"), Candidate(leases, "b")
    assert await first.acquires_within(0)
    await first.leadership.release()
    assert await second.acquires_within(0)


async def test_lease_of_another_holder_is_not_released() -> None:
    leases = StandInLeases()
    first, second = Candidate(leases, "a"), Candidate(leases, "b")
    assert await first.acquires_within(0)
    await second.leadership.release()
    assert leases.holder == "a"


async def test_restarted_container_of_the_same_pod_leads_at_once() -> None:
    leases = StandInLeases()
    assert await Candidate(leases, "pod-a").acquires_within(0)
    assert await Candidate(leases, "pod-a").acquires_within(0)
