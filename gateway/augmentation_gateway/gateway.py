"""What every route works with, and the one way a status is read."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.access import find_gone, find_job, require
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.credentials.keys_in_force import KeysInForce
from augmentation_gateway.credentials.oidc import OidcTokens
from augmentation_gateway.dialects.dialect import Dialect
from augmentation_gateway.limits.gate import Gate
from augmentation_gateway.limits.open_requests import OpenRequests
from augmentation_gateway.limits.rate_limit import RateLimit
from augmentation_gateway.limits.shares import Capacity
from augmentation_gateway.limits.streams import Streams
from augmentation_gateway.observability.log_limit import LogLimit
from augmentation_gateway.observability.metrics import Metrics
from augmentation_gateway.problem import Problem
from augmentation_kube import KubeApi

logger = logging.getLogger(__name__)

AGE_HEADER = "X-Cache-Age"
"""Seconds since the answer was last known to be current; absent while it is."""


@dataclass(frozen=True)
class Gateway:
    """The parts of a running gateway.

    Attributes:
        api: the Kubernetes API, for writes.
        view: the caches, for reads.
        keys: the API keys in force.
        streams: the event streams that are open.
        open_requests: all requests that are being answered, each ended with its key.
        rate_limit: how often a key may ask.
        metrics: what is counted.
        capacity: what keys may have at the same time.
        gate: through which requests are begun.
        refusal_log: of what was refused because of a limit.
        tokens: the OIDC issuer whose tokens are taken in place of keys, if there is one.
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
    refusal_log: LogLimit = field(default_factory=lambda: LogLimit(logger))

    def __post_init__(self) -> None:
        view, metrics = self.view, self.metrics
        metrics.show("cache_age_seconds", "Seconds since the jobs were known to be current.", lambda: view.age or 0)
        metrics.show("event_streams", "Event streams that are open.", lambda: len(self.streams))
        metrics.show("keys", "API keys in force.", lambda: self.keys.ring.in_force)
        metrics.show(
            "next_key_expiry_timestamp_seconds",
            "When the next API key expires, in seconds since 1970; +Inf where none does.",
            lambda: self.keys.ring.next_expiry,
        )
        metrics.show(
            "keys_broken", "1 while the API keys cannot be read and older ones are in force.", lambda: self.keys.broken
        )
        metrics.show_by_resource("objects", "Objects in the cache.", view.sizes)
        metrics.show_by_resource("watch_starts", "Watches begun: those above one were begun again.", view.watch_starts)

    def holds(self, key: ApiKey) -> bool:
        """Whether a key or token is still in force, for what outlives a request's own check of it."""
        return self.keys.ring.holds(key) or (self.tokens is not None and self.tokens.holds(key))

    def refused(self, reason: str) -> None:
        """A limit was reached: count it, and log it where that is not too often."""
        self.metrics.refused(reason)
        self.refusal_log.info("refused", {"reason": reason})

    def read_status(self, key: ApiKey, dialect: Dialect, job_id: str) -> bytes:
        """Body of a status answer. Touches memory only. Raises Problem."""
        require(key, Right.READ)
        uid = dialect.parse_id(job_id)
        try:
            return self.encoded(dialect, find_job(key, uid, self.view))
        except Problem as problem:
            if problem.status == 404 and (body := self._encode_gone(key, dialect, uid)) is not None:
                return body
            raise

    def encoded(self, dialect: Dialect, record: JobRecord) -> bytes:
        """A job as a dialect shows it: made once for each version of the job."""
        return record.encoded(
            dialect.name,
            lambda job: dialect.encode_status(job, self.view.class_of(job)),
            self.view.classes.revision,
        )

    def _encode_gone(self, key: ApiKey, dialect: Dialect, uid: str) -> bytes | None:
        gone = find_gone(key, uid, self.view)
        if dialect.encode_gone is None or gone is None:
            return None
        return dialect.encode_gone(gone.record, gone.at)

    def age_headers(self) -> dict[str, str]:
        """X-Cache-Age while the Kubernetes API is away, nothing otherwise."""
        age = self.view.age
        return {} if age is None else {AGE_HEADER: str(int(age))}
