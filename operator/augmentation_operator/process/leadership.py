"""Which of several operators acts: the holder of a Lease. The others watch, and are ready to go on where it stopped.

The rules are client-go's. Clocks of machines are never compared: a candidate counts by its own clock since it last saw
the Lease change. A leader that cannot renew stops `LEASE_SECONDS - RENEW_DEADLINE_SECONDS` before anybody may follow.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from augmentation_kube import KubeApi, KubeError, KubeUnavailable, Resource

LEASE_NAME = "augmentation-operator"
LEASE_SECONDS = 12.0
"""How long after the last renewal nobody else may take over."""
RENEW_DEADLINE_SECONDS = 8.0
"""How long a leader tries to renew before it stops."""
PERIOD_SECONDS = 2.0
"""How often a leader renews and a candidate looks."""

log = logging.getLogger(__name__)


class Leadership:
    """One candidate for a Lease.

    Args:
        api: where the Lease lies.
        namespace: in which.
        identity: of this candidate; no two processes may have it at once.
    """

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        identity: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api, self._namespace, self._identity = api, namespace, identity
        self._clock, self._sleep = clock, sleep
        self._seen: tuple[str, float] | None = None
        self._renewed = 0.0

    async def acquire(self) -> None:
        """Wait until this process is the leader."""
        told = ""
        while True:
            holder = await self._attempt()
            if holder == self._identity:
                log.info("%s leads", self._identity)
                return
            if holder != told:
                log.info("%s waits: %s leads", self._identity, holder or "nobody")
                told = holder
            await self._sleep(PERIOD_SECONDS)

    async def keep(self) -> None:
        """Renew for as long as that works; returns when this process leads no more."""
        while self._clock() - self._renewed < RENEW_DEADLINE_SECONDS:
            await self._sleep(PERIOD_SECONDS)
            holder = await self._attempt()
            if holder not in ("", self._identity):
                log.error("%s leads no more: %s does", self._identity, holder)
                return
        log.error("%s leads no more: the Lease could not be renewed in time", self._identity)

    async def release(self) -> None:
        """Let somebody else lead at once."""
        try:
            lease = await self._api.get(Resource.LEASES, LEASE_NAME, self._namespace)
            if lease["spec"].get("holderIdentity") == self._identity:
                await self._write(lease, {"holderIdentity": "", "leaseDurationSeconds": 1})
        except (KubeError, KubeUnavailable) as error:
            log.warning("the Lease is left to run out: %s", error)

    async def _attempt(self) -> str:
        """Take or renew the Lease if that may be; gives who holds it then, "" if that is not known."""
        try:
            async with asyncio.timeout(PERIOD_SECONDS):
                return await self._take()
        except (KubeError, KubeUnavailable, TimeoutError) as error:
            if not (isinstance(error, KubeError) and error.status == 409):
                log.warning("the Lease cannot be had: %s", error or "no answer in time")
            return ""

    async def _take(self) -> str:
        began = self._clock()
        try:
            lease = await self._api.get(Resource.LEASES, LEASE_NAME, self._namespace)
        except KubeError as error:
            if error.status != 404:
                raise
            spec = self._spec(transitions=0)
            body = {"metadata": {"name": LEASE_NAME}, "spec": {**spec, "acquireTime": spec["renewTime"]}}
            await self._api.create(Resource.LEASES, body, self._namespace)
            self._renewed = began
            return self._identity
        spec = lease.get("spec", {})
        holder, version = str(spec.get("holderIdentity") or ""), str(lease["metadata"]["resourceVersion"])
        if holder != self._identity:
            if self._seen is None or self._seen[0] != version:
                self._seen = (version, began)
            if holder and began - self._seen[1] < float(spec.get("leaseDurationSeconds") or LEASE_SECONDS):
                return holder
            new = self._spec(transitions=int(spec.get("leaseTransitions") or 0) + 1)
            await self._write(lease, {**new, "acquireTime": new["renewTime"]})
        else:
            await self._write(lease, self._spec(transitions=int(spec.get("leaseTransitions") or 0)))
        self._renewed = began
        return self._identity

    async def _write(self, lease: dict[str, Any], spec: dict[str, Any]) -> None:
        """Change the Lease if it is as it was read: of two candidates one is refused with 409."""
        version = {"metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]}}
        await self._api.merge_patch(Resource.LEASES, LEASE_NAME, {**version, "spec": spec}, namespace=self._namespace)

    def _spec(self, transitions: int) -> dict[str, Any]:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(LEASE_SECONDS),
            "leaseTransitions": transitions,
            "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
