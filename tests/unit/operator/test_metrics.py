"""Prometheus metrics: gauges of jobs and shards, and counters that count everything once."""

import re
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from augmentation_api import AugmentationJobStatus, FailureReason
from augmentation_operator.cache.job_store import JobStore, StoredJob
from augmentation_operator.controller.metrics import Metrics
from tests.unit.operator.simulated_cluster import AUGMENT, SimulatedCluster, make_class

MONITORING = Path(__file__).resolve().parents[3] / "deploy" / "helm" / "augmentation-operator" / "monitoring"


def read(metrics: Metrics) -> dict[str, float]:
    lines = (line.rsplit(" ", 1) for line in metrics.render().decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def store_of(*jobs: tuple[str, str | None, tuple[str, ...]]) -> Callable[[], Collection[StoredJob]]:
    """Observed jobs: namespace, state and states of the shards of each."""
    store = JobStore()
    for number, (namespace, state, shards) in enumerate(jobs):
        status = {"state": state, "shards": [{"index": index, "state": each} for index, each in enumerate(shards)]}
        metadata = {"namespace": namespace, "uid": str(number), "resourceVersion": "1"}
        store.observe({"metadata": metadata, "status": status if state else {}})
    return store.all


def test_jobs_and_shards_are_counted_by_state_and_namespace() -> None:
    metrics = Metrics()
    jobs = store_of(
        ("a", None, ()),
        ("a", "running", ("running", "completed")),
        ("a", "completed", ("completed",)),
        ("b", "running", ("running",)),
    )
    metrics.expose(jobs, lambda: 7)
    samples = read(metrics)
    assert samples['augmentation_jobs{namespace="a",state="queued"}'] == 1
    assert samples['augmentation_jobs{namespace="a",state="completed"}'] == 1
    assert samples['augmentation_shards{namespace="a",state="completed"}'] == 1
    assert samples['augmentation_shards{namespace="b",state="running"}'] == 1
    assert samples["augmentation_operator_queue_depth"] == 7


def lived(cluster: SimulatedCluster, metrics: Metrics) -> None:
    """Tell of every status that a job has on its way through augment."""
    last = AugmentationJobStatus()

    def tell() -> None:
        nonlocal last
        now = cluster.status
        metrics.count_status("robots", last, now)
        metrics.count_status("robots", now, now)
        last = now

    cluster.reach(AUGMENT)
    tell()
    cluster.pass_time(20)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    tell()
    cluster.pass_time(60)
    cluster.fail_pod(AUGMENT, failure=FailureReason.SOURCE_INVALID, message="no")
    cluster.settle()
    tell()


def test_usage_waits_and_ends_are_counted_once() -> None:
    gpu = make_class(framesPerShard=100_000, resources={"limits": {"nvidia.com/gpu": "2"}})
    metrics = Metrics()
    lived(SimulatedCluster(classes=(gpu,)), metrics)
    samples = read(metrics)
    assert samples['augmentation_accelerator_seconds_total{namespace="robots"}'] == 120
    assert samples['augmentation_jobs_ended_total{namespace="robots",reason="SourceInvalid",state="failed"}'] == 1
    assert samples["augmentation_job_wait_seconds_sum"] == 20
    assert samples["augmentation_job_wait_seconds_count"] == 1


def test_failed_reconcile_is_counted_and_still_fails() -> None:
    metrics = Metrics()
    with pytest.raises(OSError), metrics.time_reconcile():
        raise OSError
    assert read(metrics)["augmentation_operator_reconcile_errors_total"] == 1
    assert read(metrics)["augmentation_operator_reconcile_seconds_count"] == 1


@pytest.mark.parametrize("file", ["alerts.yaml", "dashboard.json"])
def test_metrics_queried_by_the_chart_exist(file: str) -> None:
    metrics = Metrics()
    metrics.expose(store_of(("a", "running", ("running",))), lambda: 0)
    # The gateway's are held by its own test.
    asked = set(re.findall(r"\baugmentation_(?!gateway)\w+", (MONITORING / file).read_text()))
    names = {line.split()[2] for line in metrics.render().decode().splitlines() if line.startswith("# TYPE")}
    answered = names | {f"{name}_bucket" for name in names}
    assert asked
    assert asked <= answered, asked - answered
