"""Leader election: of several operators only the holder of a Lease reconciles; the others watch, ready to take over.

The rules are client-go's. Clocks of machines are never compared: a candidate measures by its own clock since it last
saw the Lease change. A leader that cannot renew stops `LEASE_SECONDS - RENEW_DEADLINE_SECONDS` before another may lead.
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
"""How long after the last renewal no other candidate may take over."""
RENEW_DEADLINE_SECONDS = 8.0
"""How long a leader tries to renew before it stops."""
PERIOD_SECONDS = 2.0
"""How often a leader renews and a candidate checks."""

_log = logging.getLogger(__name__)


class Leadership:
    """One candidate for a Lease.

    Args:
        api: the API server.
        namespace: namespace of the Lease.
        identity: name of this candidate; no two processes may have it at the same time.
        name: name of the Lease, which the candidates of one release share.
    """

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        identity: str,
        name: str = LEASE_NAME,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api, self._namespace, self._identity, self._name = api, namespace, identity, name
        self._clock, self._sleep = clock, sleep
        self._seen: tuple[str, float] | None = None
        self._renewed = 0.0

    async def acquire(self) -> None:
        """Wait until this process holds the leader lease."""
        logged = ""
        while True:
            holder = await self._attempt()
            if holder == self._identity:
                _log.info("%s acquired the leader lease", self._identity)
                return
            if holder != logged:
                _log.info("%s stands by: the leader lease is held by %s", self._identity, holder or "nobody")
                logged = holder
            await self._sleep(PERIOD_SECONDS)

    async def hold(self) -> None:
        """Renew the lease for as long as that works; returns when this process has lost it."""
        while self._clock() - self._renewed < RENEW_DEADLINE_SECONDS:
            await self._sleep(PERIOD_SECONDS)
            holder = await self._attempt()
            if holder not in ("", self._identity):
                _log.error("%s lost the leader lease: the new holder is %s", self._identity, holder)
                return
        _log.error("%s lost the leader lease: it could not be renewed in time", self._identity)

    async def release(self) -> None:
        """Give the lease up, so that another candidate can acquire it at once."""
        try:
            lease = await self._api.get(Resource.LEASES, self._name, self._namespace)
            if lease["spec"].get("holderIdentity") == self._identity:
                await self._write(lease, {"holderIdentity": "", "leaseDurationSeconds": 1})
        except (KubeError, KubeUnavailable) as error:
            _log.warning("the leader lease could not be released and will expire: %s", error)

    async def _attempt(self) -> str:
        """Acquire or renew the Lease if possible. Returns its holder, "" if that is not known."""
        try:
            async with asyncio.timeout(PERIOD_SECONDS):
                return await self._take()
        except (KubeError, KubeUnavailable, TimeoutError) as error:
            if not (isinstance(error, KubeError) and error.status == 409):
                _log.warning("the leader lease cannot be acquired or renewed: %s", error or "no answer in time")
            return ""

    async def _take(self) -> str:
        began = self._clock()
        try:
            lease = await self._api.get(Resource.LEASES, self._name, self._namespace)
        except KubeError as error:
            if error.status != 404:
                raise
            spec = self._spec(transitions=0)
            body = {"metadata": {"name": self._name}, "spec": {**spec, "acquireTime": spec["renewTime"]}}
            await self._api.create(Resource.LEASES, body, self._namespace)
            self._renewed = began
            return self._identity
        spec = lease.get("spec", {})
        holder, version = str(spec.get("holderIdentity") or ""), str(lease["metadata"]["resourceVersion"])
        transitions = int(spec.get("leaseTransitions") or 0)
        if holder != self._identity:
            if self._seen is None or self._seen[0] != version:
                self._seen = (version, began)
            if holder and began - self._seen[1] < float(spec.get("leaseDurationSeconds") or LEASE_SECONDS):
                return holder
            new = self._spec(transitions + 1)
            await self._write(lease, {**new, "acquireTime": new["renewTime"]})
        else:
            await self._write(lease, self._spec(transitions))
        self._renewed = began
        return self._identity

    async def _write(self, lease: dict[str, Any], spec: dict[str, Any]) -> None:
        """Change the Lease unless it changed since it was read: of two candidates one is refused with 409."""
        version = {"metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]}}
        await self._api.merge_patch(Resource.LEASES, self._name, {**version, "spec": spec}, namespace=self._namespace)

    def _spec(self, transitions: int) -> dict[str, Any]:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(LEASE_SECONDS),
            "leaseTransitions": transitions,
            "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
