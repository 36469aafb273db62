"""The ladder of placements: gone down in order, a time limit a rung, with the reason of each step in the status."""

from typing import Any

import pytest

from augmentation_api import ConditionType, FailureReason, PhaseStatus, State
from tests.unit.operator.simulated_cluster import AUGMENT, PROVISION, SimulatedCluster, make_class

LADDER = [
    {"name": "l4", "nodeSelector": {"gpu": "l4"}, "timeLimitSeconds": 60},
    {"name": "l40s", "nodeSelector": {"gpu": "l40s"}, "timeLimitSeconds": 120},
    {"name": "a100", "nodeSelector": {"gpu": "a100"}},
]
NO_NODE = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."


def waiting_on_the_first_rung(**spec: Any) -> SimulatedCluster:
    cluster = SimulatedCluster(classes=(make_class(placements=LADDER),), **spec)
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
    """The rung in the status, and the node selector of the Job that waits for it."""
    assert cluster.status.placement is not None
    pod = cluster.job_of(AUGMENT).spec["template"]["spec"]
    return cluster.status.placement.placement, pod["nodeSelector"]


def test_the_best_placement_is_tried_first() -> None:
    assert tried(waiting_on_the_first_rung()) == ("l4", {"gpu": "l4"})


def test_a_rung_is_given_up_when_its_time_is_over_and_not_before() -> None:
    cluster = waiting_on_the_first_rung()
    step_down(cluster, 59)
    assert tried(cluster)[0] == "l4"
    step_down(cluster, 1)
    assert tried(cluster) == ("l40s", {"gpu": "l40s"})


def test_the_end_of_a_rungs_time_is_looked_forward_to() -> None:
    cluster = waiting_on_the_first_rung()
    cluster.pass_time(55)
    again = cluster.decide().requeue_after
    assert again is not None
    assert again.total_seconds() <= 5


def test_the_reason_of_a_step_is_in_the_status() -> None:
    cluster = waiting_on_the_first_rung()
    cluster.pass_time(60)
    cluster.reconcile()
    why = f"placement l4: no node within 60 s (waiting for a node: {NO_NODE}); trying l40s"
    assert cluster.status.message == why
    placed = cluster.status.condition(ConditionType.PLACED)
    assert placed is not None
    assert (placed.status, placed.reason, placed.message) == ("False", "PlacementTimedOut", why)
    (event,) = (event for event in cluster.status.phase(PROVISION).events if event.status == "placement given up")
    assert event.error == why


def test_the_last_rung_waits_without_a_limit() -> None:
    cluster = waiting_on_the_first_rung()
    step_down(cluster, 60)
    step_down(cluster, 120)
    step_down(cluster, 1_000_000)
    assert tried(cluster)[0] == "a100"
    assert cluster.status.state == State.RUNNING
    assert cluster.phase_status(PROVISION) == PhaseStatus.IN_PROGRESS


def test_only_one_rung_has_pods_at_a_time() -> None:
    cluster = waiting_on_the_first_rung()
    cluster.pass_time(60)
    cluster.settle()
    assert {pod.job_name for pod in cluster.running_pods} == {"kitchen-0f1e2d3c-augment"}
    cluster.end_terminating_pods()
    cluster.settle()
    assert {pod.job_name for pod in cluster.running_pods} == {"kitchen-0f1e2d3c-augment-b"}


def test_a_node_that_was_found_ends_the_search_however_long_its_image_takes() -> None:
    cluster = waiting_on_the_first_rung()
    cluster.pod_of(AUGMENT).change(node="node-a")
    step_down(cluster, 600)
    assert tried(cluster)[0] == "l4"


def test_a_placement_that_was_taken_is_kept_for_pods_that_start_again() -> None:
    cluster = waiting_on_the_first_rung()
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.lose_pod(AUGMENT)
    step_down(cluster, 600)
    assert tried(cluster)[0] == "l4"


def test_the_time_a_job_is_suspended_does_not_count() -> None:
    cluster = waiting_on_the_first_rung()
    cluster.change(suspend=True)
    step_down(cluster, 600)
    assert tried(cluster)[0] == "l4"
    cluster.change(suspend=False)
    cluster.settle()
    step_down(cluster, 59)
    assert tried(cluster)[0] == "l4"
    step_down(cluster, 1)
    assert tried(cluster)[0] == "l40s"


def test_a_kill_between_two_rungs_neither_skips_nor_repeats_one() -> None:
    cluster = waiting_on_the_first_rung()
    cluster.pass_time(60)
    for _ in range(3):
        cluster.reconcile_and_die()
    step_down(cluster, 0)
    assert tried(cluster)[0] == "l40s"
    assert cluster.created_jobs.count("kitchen-0f1e2d3c-augment-b") == 1


def test_a_job_cancelled_between_two_rungs_waits_for_the_pods_of_the_one_given_up() -> None:
    cluster = waiting_on_the_first_rung()
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


def test_a_new_attempt_begins_at_the_top() -> None:
    cluster = waiting_on_the_first_rung()
    step_down(cluster, 60)
    cluster.start_pod(AUGMENT)
    cluster.fail_pod(AUGMENT, failure=FailureReason.SOURCE_INVALID, message="no")
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.retry()
    cluster.settle()
    assert tried(cluster) == ("l4", {"gpu": "l4"})
    assert cluster.created_jobs[-1] == "kitchen-0f1e2d3c-augment-1"


def test_a_job_on_a_lower_rung_completes_there() -> None:
    cluster = waiting_on_the_first_rung()
    step_down(cluster, 60)
    cluster.finish_augment()
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED
    assert cluster.status.placement is not None
    assert (cluster.status.placement.placement, cluster.status.placement.rung) == ("l40s", 1)


def test_a_ladder_that_was_shortened_meanwhile_is_no_trouble() -> None:
    cluster = waiting_on_the_first_rung()
    step_down(cluster, 60)
    step_down(cluster, 120)
    cluster.classes = (make_class(placements=LADDER[:1]),)
    cluster.settle()
    cluster.finish_augment()
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED


def test_labels_that_a_node_must_or_should_have_become_node_affinity() -> None:
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
def test_only_the_augment_pods_are_bound_to_the_ladder(phase: str) -> None:
    cluster = SimulatedCluster(classes=(make_class(placements=LADDER),))
    cluster.complete()
    pod = cluster.jobs[f"kitchen-0f1e2d3c-{phase}"].spec["template"]["spec"]
    assert "nodeSelector" not in pod
