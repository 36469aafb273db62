"""Prometheus metrics of the gateway. No label names a job, a key or a project."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from augmentation_kube.metrics_endpoint import serve_metrics

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "augmentation_gateway_requests",
            "Responses.",
            ("dialect", "route", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "augmentation_gateway_request_seconds",
            "Time until a response began.",
            ("dialect", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._refused = Counter(
            "augmentation_gateway_refused",
            "Requests and connections that were refused or ended because of a limit.",
            ("reason",),
            registry=self._registry,
        )
        # Looking up a child by its labels costs more than counting, so the few there are are cached.
        self._counters: dict[tuple[str, str, str, int], tuple[Counter, Histogram]] = {}

    def count_response(self, dialect: str, route: str, method: str, status: int, seconds: float) -> None:
        """Count a response when it begins.

        Args:
            dialect: that the request belongs to.
            route: path template of the route in the OpenAPI document; never the path of the request.
            method: of the request.
            status: of the response.
            seconds: since the request.
        """
        labels = (dialect, route, method, status)
        if (children := self._counters.get(labels)) is None:
            children = (self._requests.labels(*labels), self._seconds.labels(dialect, route))
            self._counters[labels] = children
        counter, histogram = children
        counter.inc()
        histogram.observe(seconds)

    def count_refusal(self, reason: str) -> None:
        """Count that a limit was reached; `reason` is its name, one of the few in the code."""
        self._refused.labels(reason).inc()

    def add_gauge(self, name: str, explanation: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is looked up when the metrics are read."""
        Gauge(f"augmentation_gateway_{name}", explanation, registry=self._registry).set_function(value)

    def add_gauges_by_resource(self, name: str, explanation: str, values: dict[str, Callable[[], float]]) -> None:
        """Add one gauge per watched resource."""
        gauge = Gauge(f"augmentation_gateway_{name}", explanation, ("resource",), registry=self._registry)
        for resource, value in values.items():
            gauge.labels(resource).set_function(value)

    def render(self) -> bytes:
        """All metrics, in Prometheus' text format."""
        return generate_latest(self._registry)


@asynccontextmanager
async def metrics_server(metrics: Metrics, host: str, port: int) -> AsyncIterator[web.AppRunner]:
    """Serve /metrics inside, at its own address, which clients need not reach. Raises OSError if it is in use."""
    runner = await serve_metrics(metrics.render, CONTENT_TYPE_PLAIN_0_0_4, host, port)
    try:
        yield runner
    finally:
        await runner.cleanup()
