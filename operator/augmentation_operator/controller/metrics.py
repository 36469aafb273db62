"""Prometheus metrics of the jobs, of the reconciles and of leader election, served at /metrics.

Gauges are computed when they are scraped, O(jobs). Counters begin at 0 with the process, as Prometheus expects.
"""

from collections import Counter as Tallies
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from augmentation_api import AugmentationJobStatus, ConditionType, PhaseName, State
from augmentation_api.vocabulary import ShardState
from augmentation_operator.cache.job_store import StoredJob

_RECONCILES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WAITS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)


class Metrics:
    """The operator's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        counter = partial(Counter, registry=self._registry)
        histogram = partial(Histogram, registry=self._registry)
        self._reconciles = histogram(
            "augmentation_operator_reconcile_seconds", "Duration of the reconcile of one job", buckets=_RECONCILES
        )
        self._calls = counter(
            "augmentation_operator_api_requests",
            "Requests to the Kubernetes API; watches are not counted",
            ("verb", "resource"),
        )
        self._errors = counter("augmentation_operator_reconcile_errors", "Reconciles that failed and were requeued")
        self._ended = counter(
            "augmentation_jobs_ended", "Jobs that reached a terminal state", ("namespace", "state", "reason")
        )
        self._waits = histogram(
            "augmentation_job_wait_seconds",
            "Time from the end of resolve to the first augment pod: waiting for a slot and for a node",
            buckets=_WAITS,
        )
        self._accelerators = counter(
            "augmentation_accelerator_seconds", "Accelerator seconds used by pods", ("namespace",)
        )
        self._cpus = counter("augmentation_cpu_seconds", "Seconds of requested CPU cores of pods", ("namespace",))
        self._preempted = counter("augmentation_pods_preempted", "Pods that were preempted or evicted", ("namespace",))
        self._notifications = counter(
            "augmentation_notifications",
            "Deliveries of notifications of ended jobs: delivered, retried or given_up",
            ("result",),
        )
        self._leads = Gauge(
            "augmentation_operator_leads", "Whether this process holds the leader lease", registry=self._registry
        )

    def set_leader(self, is_leader: bool) -> None:
        """Record that this process has acquired or lost the leader lease."""
        self._leads.set(is_leader)

    def count_request(self, verb: str, resource: str) -> None:
        """Count a request to the Kubernetes API."""
        self._calls.labels(verb, resource).inc()

    def count_notification(self, result: str) -> None:
        """Count a delivery of a notification: delivered, retried, given_up."""
        self._notifications.labels(result).inc()

    @contextmanager
    def time_reconcile(self) -> Iterator[None]:
        """Time one reconcile, and count it if it fails."""
        with self._reconciles.time():
            try:
                yield
            except Exception:
                self._errors.inc()
                raise

    def count_status(self, namespace: str, before: AugmentationJobStatus, after: AugmentationJobStatus) -> None:
        """Count what a written status adds to the one before it: an end, a wait, usage, preemptions."""
        if after.state is not None and after.state.is_final and after.state != before.state:
            failed = after.condition(ConditionType.FAILED) if after.state == State.FAILED else None
            self._ended.labels(namespace, after.state, failed.reason if failed else "").inc()
        provision = after.phase(PhaseName.PROVISION)
        if provision.completed_at and provision.started_at and not before.phase(PhaseName.PROVISION).completed_at:
            self._waits.observe(max(0.0, (provision.completed_at - provision.started_at).total_seconds()))
        for counter, name in ((self._accelerators, "accelerator_seconds"), (self._cpus, "cpu_seconds")):
            used, counted = (getattr(status.usage, name, None) or 0.0 for status in (after, before))
            counter.labels(namespace).inc(max(0.0, used - counted))
        self._preempted.labels(namespace).inc(max(0, (after.preemption_count or 0) - (before.preemption_count or 0)))

    def expose(self, jobs: Callable[[], Iterable[StoredJob]], queue_depth: Callable[[], int]) -> None:
        """Add the gauges of the observed jobs and of the work queue."""
        self._registry.register(_Jobs(jobs))
        Gauge(
            "augmentation_operator_queue_depth", "Jobs that wait for a reconcile", registry=self._registry
        ).set_function(queue_depth)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class _Jobs(Collector):
    """Jobs and shards by state and namespace."""

    def __init__(self, observed: Callable[[], Iterable[StoredJob]]) -> None:
        self._observed = observed

    def collect(self) -> Iterator[GaugeMetricFamily]:
        jobs, shards = Tallies[tuple[str, str]](), Tallies[tuple[str, str]]()
        for job in self._observed():
            jobs[job.namespace, job.state] += 1
            shards.update((job.namespace, ShardState(state)) for state in job.shards)
        for name, description, tally in (
            ("augmentation_jobs", "AugmentationJobs by state", jobs),
            ("augmentation_shards", "Shards of unfinished jobs by state", shards),
        ):
            family = GaugeMetricFamily(name, description, labels=("namespace", "state"))
            for labels, count in sorted(tally.items()):
                family.add_metric(labels, count)
            yield family
