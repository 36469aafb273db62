"""Placements: tried in order, each within its time limit, with the reason of each fallback in the status."""

from typing import Any

import pytest

from augmentation_api import ConditionType, FailureReason, PhaseStatus, State
from tests.unit.operator.simulated_cluster import AUGMENT, PROVISION, SimulatedCluster, make_class

PLACEMENTS = [
    {"name": "l4", "nodeSelector": {"gpu": "l4"}, "timeLimitSeconds": 60},
    {"name": "l40s", "nodeSelector": {"gpu": "l40s"}, "timeLimitSeconds": 120},
    {"name": "a100", "nodeSelector": {"gpu": "a100"}},
]
NO_NODE = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."


def waiting_for_the_first_placement(**spec: Any) -> SimulatedCluster:
    cluster = SimulatedCluster(classes=(make_class(placements=PLACEMENTS),), **spec)
    cluster.reach(AUGMENT)
    cluster.wait_for_node(AUGMENT, NO_NODE)
    cluster.settle()
    return cluster


def step_down(cluster: SimulatedCluster, seconds: float) -> None:
    cluster.pass_time(seconds)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()


def tried(cluster: SimulatedCluster) -> tuple[str | None, dict[str, str]]:
    """The placement in the status, and the node selector of the Job that waits for it."""
    assert cluster.status.placement is not None
    pod = cluster.job_of(AUGMENT).spec["template"]["spec"]
    return cluster.status.placement.placement, pod["nodeSelector"]


def test_first_placement_is_tried_first() -> None:
    assert tried(waiting_for_the_first_placement()) == ("l4", {"gpu": "l4"})


def test_job_falls_back_at_the_time_limit_and_not_before() -> None:
    cluster = waiting_for_the_first_placement()
    step_down(cluster, 59)
    assert tried(cluster)[0] == "l4"
    step_down(cluster, 1)
    assert tried(cluster) == ("l40s", {"gpu": "l40s"})


def test_job_is_requeued_at_the_time_limit_of_its_placement() -> None:
    cluster = waiting_for_the_first_placement()
    cluster.pass_time(55)
    again = cluster.decide().requeue_after
    assert again is not None
    assert again.total_seconds() <= 5


def test_reason_of_a_fallback_is_in_the_status() -> None:
    cluster = waiting_for_the_first_placement()
    cluster.pass_time(60)
    cluster.reconcile()
    why = f"placement l4: no node within 60 s (waiting for a node: {NO_NODE}); trying l40s"
    assert cluster.status.message == why
    placed = cluster.status.condition(ConditionType.PLACED)
    assert placed is not None
    assert (placed.status, placed.reason, placed.message) == ("False", "PlacementTimedOut", why)
    (event,) = (event for event in cluster.status.phase(PROVISION).events if event.status == "placement given up")
    assert event.error == why


def test_last_placement_has_no_time_limit() -> None:
    cluster = waiting_for_the_first_placement()
    step_down(cluster, 60)
    step_down(cluster, 120)
    step_down(cluster, 1_000_000)
    assert tried(cluster)[0] == "a100"
    assert cluster.status.state == State.RUNNING
    assert cluster.phase_status(PROVISION) == PhaseStatus.IN_PROGRESS


def test_only_one_placement_has_pods_at_a_time() -> None:
    cluster = waiting_for_the_first_placement()
    cluster.pass_time(60)
    cluster.settle()
    assert {pod.job_name for pod in cluster.running_pods} == {"kitchen-0f1e2d3c-augment"}
    cluster.end_terminating_pods()
    cluster.settle()
    assert {pod.job_name for pod in cluster.running_pods} == {"kitchen-0f1e2d3c-augment-b"}


def test_job_with_a_node_does_not_fall_back_however_long_its_image_takes() -> None:
    cluster = waiting_for_the_first_placement()
    cluster.pod_of(AUGMENT).change(node="node-a")
    step_down(cluster, 600)
    assert tried(cluster)[0] == "l4"


def test_retried_pods_keep_the_placement() -> None:
    cluster = waiting_for_the_first_placement()
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.lose_pod(AUGMENT)
    step_down(cluster, 600)
    assert tried(cluster)[0] == "l4"


def test_suspended_time_does_not_count() -> None:
    cluster = waiting_for_the_first_placement()
    cluster.change(suspend=True)
    step_down(cluster, 600)
    assert tried(cluster)[0] == "l4"
    cluster.change(suspend=False)
    cluster.settle()
    step_down(cluster, 59)
    assert tried(cluster)[0] == "l4"
    step_down(cluster, 1)
    assert tried(cluster)[0] == "l40s"


def test_killed_operator_neither_skips_nor_repeats_a_placement() -> None:
    cluster = waiting_for_the_first_placement()
    cluster.pass_time(60)
    for _ in range(3):
        cluster.reconcile_and_die()
    step_down(cluster, 0)
    assert tried(cluster)[0] == "l40s"
    assert cluster.created_jobs.count("kitchen-0f1e2d3c-augment-b") == 1


def test_job_cancelled_during_a_fallback_waits_for_the_earlier_pods() -> None:
    cluster = waiting_for_the_first_placement()
    cluster.pass_time(60)
    cluster.reconcile()
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.running_pods
    assert all(job.is_over for job in cluster.jobs.values())
    assert cluster.status.state == State.RUNNING
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.CANCELLED


def test_new_attempt_begins_with_the_first_placement() -> None:
    cluster = waiting_for_the_first_placement()
    step_down(cluster, 60)
    cluster.start_pod(AUGMENT)
    cluster.fail_pod(AUGMENT, failure=FailureReason.SOURCE_INVALID, message="no")
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.retry()
    cluster.settle()
    assert tried(cluster) == ("l4", {"gpu": "l4"})
    assert cluster.created_jobs[-1] == "kitchen-0f1e2d3c-augment-1"


def test_job_completes_in_its_2nd_placement() -> None:
    cluster = waiting_for_the_first_placement()
    step_down(cluster, 60)
    cluster.finish_augment()
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED
    assert cluster.status.placement is not None
    assert (cluster.status.placement.placement, cluster.status.placement.rung) == ("l40s", 1)


def test_class_may_lose_placements_meanwhile() -> None:
    cluster = waiting_for_the_first_placement()
    step_down(cluster, 60)
    step_down(cluster, 120)
    cluster.classes = (make_class(placements=PLACEMENTS[:1]),)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    cluster.finish_augment()
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED


def test_required_and_preferred_labels_become_node_affinity() -> None:
    affinity: dict[str, Any] = {
        "required": [{"key": "nvidia.com/gpu.product", "values": ["NVIDIA-A100-80GB-PCIe", "NVIDIA-A100-SXM4-80GB"]}],
        "preferred": [
            {"weight": 10, "match": [{"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["40000"]}]}
        ],
    }
    cluster = SimulatedCluster(classes=(make_class(placements=[{"name": "a100", "nodeAffinity": affinity}]),))
    cluster.reach(AUGMENT)
    required = {"key": "nvidia.com/gpu.product", "operator": "In", "values": affinity["required"][0]["values"]}
    preferred = {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["40000"]}
    assert cluster.job_of(AUGMENT).spec["template"]["spec"]["affinity"] == {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [required]}]},
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 10, "preference": {"matchExpressions": [preferred]}}
            ],
        }
    }


@pytest.mark.parametrize("phase", ["resolve", "publish"])
def test_only_augment_pods_use_the_placements(phase: str) -> None:
    cluster = SimulatedCluster(classes=(make_class(placements=PLACEMENTS),))
    cluster.complete()
    pod = cluster.jobs[f"kitchen-0f1e2d3c-{phase}"].spec["template"]["spec"]
    assert "nodeSelector" not in pod
