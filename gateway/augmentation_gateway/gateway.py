"""The parts of a running gateway, which every route works with."""

import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.credentials.keys_in_force import KeysInForce
from augmentation_gateway.credentials.oidc import OidcTokens
from augmentation_gateway.limits.gate import Gate
from augmentation_gateway.limits.open_requests import OpenRequests
from augmentation_gateway.limits.rate_limit import RateLimit
from augmentation_gateway.limits.shares import Capacity
from augmentation_gateway.limits.streams import Streams
from augmentation_gateway.observability.logs import LogLimit
from augmentation_gateway.observability.metrics import Metrics
from augmentation_gateway.status_reader import StatusReader
from augmentation_kube import KubeApi

_log = logging.getLogger(__name__)

AGE_HEADER: Final = "X-Cache-Age"
"""Seconds since the response was last known to be current; absent while it is."""


@dataclass(frozen=True)
class Gateway:
    """The parts of a running gateway.

    Attributes:
        api: the Kubernetes API, for writes.
        view: the caches, for reads.
        keys: the API keys in force.
        streams: the open event streams.
        open_requests: all requests in progress, each ended with its key.
        rate_limit: how often a key may send requests.
        metrics: what is counted.
        capacity: what keys may have at the same time.
        tokens: the OIDC issuer whose tokens are accepted in place of keys, if there is one.
        gate: through which requests are begun.
        refusal_log: of what was refused because of a limit.
    """

    api: KubeApi
    view: ClusterView
    keys: KeysInForce
    streams: Streams = field(default_factory=Streams)
    open_requests: OpenRequests = field(default_factory=OpenRequests)
    rate_limit: RateLimit = field(default_factory=RateLimit)
    metrics: Metrics = field(default_factory=Metrics)
    capacity: Capacity = field(default_factory=Capacity)
    tokens: OidcTokens | None = None
    gate: Gate = field(default_factory=Gate)
    refusal_log: LogLimit = field(default_factory=lambda: LogLimit(_log))

    @cached_property
    def statuses(self) -> StatusReader:
        """Reads the status of jobs from the caches."""
        return StatusReader(self.view)

    def holds(self, key: ApiKey) -> bool:
        """Whether a key or token is still in force, for what outlives a request's own check of it."""
        return self.keys.ring.holds(key) or (self.tokens is not None and self.tokens.holds(key))

    def count_refusal(self, reason: str) -> None:
        """Count that a limit was reached, and log it where that is not too often."""
        self.metrics.count_refusal(reason)
        self.refusal_log.info("refused", {"reason": reason})

    def age_headers(self) -> dict[str, str]:
        """X-Cache-Age while the Kubernetes API is unavailable, nothing otherwise."""
        age = self.view.age
        return {} if age is None else {AGE_HEADER: str(int(age))}


def add_gauges(gateway: Gateway) -> None:
    """Add to the metrics of a gateway what is looked up in its parts when they are read."""
    metrics, view, keys = gateway.metrics, gateway.view, gateway.keys
    metrics.add_gauge("cache_age_seconds", "Seconds since the jobs were known to be current.", lambda: view.age or 0)
    metrics.add_gauge("event_streams", "Event streams that are open.", lambda: len(gateway.streams))
    metrics.add_gauge("keys", "API keys in force.", lambda: keys.ring.in_force)
    metrics.add_gauge(
        "next_key_expiry_timestamp_seconds",
        "When the next API key expires, in seconds since 1970; +Inf where none does.",
        lambda: keys.ring.next_expiry,
    )
    metrics.add_gauge(
        "keys_broken", "1 while the keys cannot be read and older ones are in force.", lambda: keys.broken
    )
    metrics.add_gauges_by_resource("objects", "Objects in the cache.", view.sizes)
    metrics.add_gauges_by_resource("watch_starts", "Watches started, including restarts.", view.watch_starts)
