"""What the gateway counts and times, in Prometheus' text format. No label names a job, a key or a project."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "augmentation_gateway_requests",
            "Requests that were answered.",
            ("dialect", "route", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "augmentation_gateway_request_seconds",
            "Time until an answer began.",
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
        # Looking a child up by its labels costs more than counting: the few there are, are kept at hand.
        self._counters: dict[tuple[str, str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, dialect: str, route: str, method: str, status: int, seconds: float) -> None:
        """An answer has begun.

        Args:
            dialect: whose request it was.
            route: path of the route as the OpenAPI document has it; never the path that was asked for.
            method: of the request.
            status: of the answer.
            seconds: it took.
        """
        labels = (dialect, route, method, status)
        if (held := self._counters.get(labels)) is None:
            held = (self._requests.labels(*labels), self._seconds.labels(dialect, route))
            self._counters[labels] = held
        counter, histogram = held
        counter.inc()
        histogram.observe(seconds)

    def refused(self, reason: str) -> None:
        """A limit was reached; `reason` is its name, one of the few that the code has."""
        self._refused.labels(reason).inc()

    def show(self, name: str, explanation: str, value: Callable[[], float]) -> None:
        """A number that is looked up when the metrics are read."""
        Gauge(f"augmentation_gateway_{name}", explanation, registry=self._registry).set_function(value)

    def show_by_resource(self, name: str, explanation: str, values: dict[str, Callable[[], float]]) -> None:
        """The same, one for each resource that is watched."""
        gauge = Gauge(f"augmentation_gateway_{name}", explanation, ("resource",), registry=self._registry)
        for resource, value in values.items():
            gauge.labels(resource).set_function(value)

    def render(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)
