"""What a job used: accelerators and CPU times seconds, and their price, counted once whatever is killed."""

from typing import Any

import pytest

from augmentation_api import FailureReason
from augmentation_api.status import Usage
from augmentation_operator.children.pod import read_pod
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster, make_class

GPU: dict[str, Any] = {
    "resources": {"requests": {"cpu": "4"}, "limits": {"nvidia.com/gpu": "2", "memory": "16Gi"}},
    "metadataResources": {"requests": {"cpu": "500m"}},
    "placements": [{"name": "l4", "pricePerHour": 3.6}],
}


def on_gpus(**spec: Any) -> SimulatedCluster:
    cluster = SimulatedCluster(classes=(make_class(framesPerShard=100_000, **GPU),), **spec)
    cluster.settle()
    return cluster


def used(cluster: SimulatedCluster) -> Usage:
    assert cluster.status.usage is not None
    return cluster.status.usage


def test_a_job_that_has_run_nothing_has_used_nothing() -> None:
    assert on_gpus().status.usage is None


def test_a_whole_life_is_the_sum_of_its_pods() -> None:
    cluster = on_gpus()
    cluster.complete()  # 10 s resolve, 60 s augment, 10 s publish
    assert used(cluster).accelerator_seconds == 120
    assert used(cluster).cpu_seconds == 0.5 * 10 + 4 * 60 + 0.5 * 10
    assert used(cluster).price == pytest.approx(3.6 * 60 / 3600)


def test_shards_add_up() -> None:
    cluster = SimulatedCluster(classes=(make_class(framesPerShard=1500, **GPU),))
    cluster.complete()
    assert cluster.status.shard_count == 2
    assert used(cluster).accelerator_seconds == 2 * 120


def test_a_kill_before_the_sum_is_written_counts_nothing_twice() -> None:
    cluster = on_gpus()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.pass_time(60)
    cluster.succeed_pod(AUGMENT)
    for _ in range(3):
        cluster.reconcile_and_die()
    cluster.settle()
    cluster.settle()
    assert used(cluster).accelerator_seconds == 120


def test_the_sums_of_a_long_phase_keep_up_with_its_news() -> None:
    cluster = on_gpus()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    for minute in range(3):
        cluster.pass_time(60)
        cluster.report_shard(0, state="running", frames={"total": 3000, "done": minute})
        cluster.settle()
    assert used(cluster).accelerator_seconds == 360


def test_what_is_counted_of_a_pod_stays_when_its_node_is_lost() -> None:
    cluster = on_gpus()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.pass_time(60)
    cluster.report_shard(0, state="running", frames={"total": 3000, "done": 10})
    cluster.settle()
    cluster.lose_pod(AUGMENT)
    cluster.settle()
    assert used(cluster).accelerator_seconds == 120


def test_usage_includes_failed_pods_and_adds_up_over_attempts() -> None:
    cluster = on_gpus()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.pass_time(30)
    cluster.fail_pod(AUGMENT, failure=FailureReason.SOURCE_INVALID, message="no")
    cluster.settle()
    assert used(cluster).accelerator_seconds == 60
    cluster.retry()
    cluster.settle()
    cluster.finish_augment()
    assert used(cluster).accelerator_seconds == 60 + 120


def test_without_a_price_there_is_no_sum_of_prices() -> None:
    cluster = SimulatedCluster()
    cluster.complete()
    assert used(cluster).price is None
    assert used(cluster).accelerator_seconds == 0


def test_a_job_that_is_suspended_uses_nothing() -> None:
    cluster = on_gpus()
    cluster.reach(PUBLISH)
    before = used(cluster)
    cluster.change(suspend=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.pass_time(3600)
    cluster.settle()
    assert used(cluster) == before


@pytest.mark.parametrize(
    ("limits", "accelerators"),
    [
        ({"nvidia.com/gpu": "4"}, 4),
        ({"amd.com/gpu": "1"}, 1),
        ({"nvidia.com/mig-1g.10gb": "2"}, 2),
        ({"nvidia.com/gpu.shared": "1"}, 1),
        ({"gpu.intel.com/i915": "1"}, 1),
        ({"google.com/tpu": "8"}, 8),
        ({"memory": "16Gi", "rdma/hca": "1", "ephemeral-storage": "1Gi"}, 0),
        ({}, 0),
    ],
)
def test_accelerators_are_distinguished_from_other_resources(limits: dict[str, str], accelerators: int) -> None:
    cluster = SimulatedCluster(classes=(make_class(metadataResources={"limits": limits}),))
    cluster.reach(RESOLVE)
    assert read_pod(cluster.pod_of(RESOLVE).to_wire()).accelerators == accelerators
