"""One NetworkPolicy in each namespace that has workers, created before the first of them.

Workers run in the namespaces of their jobs, which the chart does not know where the whole cluster is served. It costs
one call per namespace and ten minutes, not one per job.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from augmentation_api.identifiers import FIELD_MANAGER_OPERATOR
from augmentation_kube import KubeApi, KubeError, KubeUnavailable, Resource
from augmentation_operator.manifests.network_policy import (
    NETWORK_POLICY_NAME,
    ApiServerAddress,
    WorkersEgress,
    api_server_addresses,
    network_policy,
)

KEPT = timedelta(minutes=10)
"""How long a written policy is not rewritten: within this time one that was deleted or changed is restored."""
ADDRESSES_KEPT = timedelta(minutes=1)
"""How long the addresses of the API server are cached."""

_SLICE = ("kubernetes", "default")
_CILIUM = "ciliumnetworkpolicies.cilium.io"


class WorkerIsolation:
    """Keeps the policies of all namespaces in their desired state.

    Args:
        api: the API server.
        egress: what workers may connect to; None: no policies, as the chart's networkPolicies are off.
        clock: gives the time.
    """

    def __init__(
        self,
        api: KubeApi,
        egress: WorkersEgress | None,
        clock: Callable[[], datetime],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._api, self._egress, self._clock, self._environ = api, egress, clock, environ
        self._written: dict[str, tuple[frozenset[ApiServerAddress], datetime]] = {}
        self._addresses: tuple[frozenset[ApiServerAddress], datetime] | None = None
        self._lock = asyncio.Lock()

    async def ensure(self, namespace: str) -> None:
        """Ensure that the policy exists. Raises KubeError, KubeUnavailable: then no worker may be created."""
        if self._egress is None or self._is_kept(namespace):
            return
        async with self._lock:
            addresses = await self._api_server(self._egress)
            if self._is_kept(namespace):
                return
            await self._api.apply(
                Resource.NETWORK_POLICIES,
                NETWORK_POLICY_NAME,
                network_policy(namespace, self._egress, addresses),
                field_manager=FIELD_MANAGER_OPERATOR,
                namespace=namespace,
            )
            self._written[namespace] = (addresses, self._clock())

    async def refresh(self, namespaces: Iterable[str]) -> None:
        """Update the policies of running workers, such as when the address of the API server has changed.

        Raises KubeError, KubeUnavailable.
        """
        if self._egress is None:
            return
        async with self._lock:
            await self._api_server(self._egress)
        for namespace in namespaces:
            await self.ensure(namespace)

    def _is_kept(self, namespace: str) -> bool:
        written = self._written.get(namespace)
        if written is None or self._addresses is None:
            return False
        addresses, moment = written
        return addresses == self._addresses[0] and self._clock() - moment < KEPT

    async def _api_server(self, egress: WorkersEgress) -> frozenset[ApiServerAddress]:
        now = self._clock()
        if self._addresses is not None and now - self._addresses[1] < ADDRESSES_KEPT:
            return self._addresses[0]
        addresses = egress.api_server or await self._look_up()
        self._addresses = (addresses, now)
        return addresses

    async def _look_up(self) -> frozenset[ApiServerAddress]:
        try:
            endpoint_slice = await self._api.get(Resource.ENDPOINT_SLICES, *_SLICE)
            cilium = await self._api.list(Resource.CUSTOM_RESOURCES, field_selector=f"metadata.name={_CILIUM}")
        except (KubeError, KubeUnavailable):
            if self._addresses is None:
                raise
            return self._addresses[0]
        host, port = (self._environ.get(f"KUBERNETES_SERVICE_{part}", "") for part in ("HOST", "PORT"))
        return api_server_addresses(endpoint_slice, host, port, cilium=bool(cilium["items"]))
