"""A job without failures: each phase, from nothing to completed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from augmentation_api import ConditionType, PhaseName, PhaseStatus, State
from augmentation_operator.manifests.identity import GRANTED_AHEAD
from tests.fixtures.authority import Authority
from tests.unit.operator.simulated_cluster import (
    AUGMENT,
    BEGINNING,
    PROVISION,
    PUBLISH,
    RESOLVE,
    SimulatedCluster,
    make_class,
)

PENDING, IN_PROGRESS, COMPLETED = PhaseStatus.PENDING, PhaseStatus.IN_PROGRESS, PhaseStatus.COMPLETED


def phases(cluster: SimulatedCluster) -> tuple[PhaseStatus | None, ...]:
    return tuple(cluster.phase_status(phase) for phase in PhaseName)


def test_a_new_job_is_queued_with_all_its_phases_and_begins_to_resolve() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    assert cluster.status.state == State.QUEUED
    assert cluster.status.current_phase == RESOLVE
    assert phases(cluster) == (IN_PROGRESS, PENDING, PENDING, PENDING)
    assert list(cluster.jobs) == [cluster.job_name(RESOLVE)]


def test_a_new_job_is_accepted_with_the_class_it_runs_as() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    accepted = cluster.status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert (accepted.status, accepted.reason) == ("True", "ClassSelected")
    assert "cpu" in accepted.message


def test_a_jobs_identity_is_there_before_its_pods() -> None:
    decision = SimulatedCluster().decide()
    kinds = ["ServiceAccount", "Role", "RoleBinding", "ConfigMap", "Job"]
    assert [manifest["kind"] for manifest in decision.create] == kinds


@pytest.mark.parametrize(("shards", "added"), [(GRANTED_AHEAD, []), (GRANTED_AHEAD + 1, ["Role"])])
def test_of_its_identity_a_later_phase_applies_what_it_adds_to_it(shards: int, added: list[str]) -> None:
    for phase, applied in ((AUGMENT, added), (PUBLISH, [])):
        cluster = SimulatedCluster(parallelism=shards)
        cluster.reach(phase)
        decision = cluster.decide(replace(cluster.observe(), jobs={}, pods=()))
        assert [manifest["kind"] for manifest in decision.apply] == applied


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_what_the_class_decides_of_an_identity_is_written_before_each_phase(phase: PhaseName, tmp_path: Path) -> None:
    """A class may get other certificates, or an identity of the cloud, while a job waits."""
    pem = Authority(tmp_path).certificate.read_text()
    annotations = {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "a-role"}}}
    cluster = SimulatedCluster(classes=(make_class(caBundle={"pem": pem}, podTemplate=annotations),))
    cluster.reach(phase)
    decision = cluster.decide(replace(cluster.observe(), jobs={}, pods=()))
    assert [manifest["kind"] for manifest in decision.apply] == ["ConfigMap", "ServiceAccount"]
    assert decision.apply[0]["data"] == {"ca.crt": pem}
    kinds = [manifest["kind"] for manifest in decision.create]
    assert "ServiceAccount" not in kinds
    assert kinds[-1] == "Job"


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_deleted_identity_is_created_again_if_no_pods_appear(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    child = cluster.job_name(phase)
    refused = 'pods is forbidden: serviceaccount "kitchen-0f1e2d3c-worker" not found'
    decision = cluster.decide(replace(cluster.observe(), warnings={child: refused}))
    assert [manifest["kind"] for manifest in decision.apply] == ["ServiceAccount", "Role", "RoleBinding"]


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_identity_without_rights_is_created_again_once_when_a_pod_fails_because_of_it(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()
    cluster.fail_pod(phase, message="forbidden")
    assert [manifest["kind"] for manifest in cluster.decide().apply] == ["ServiceAccount", "Role", "RoleBinding"]
    cluster.reconcile()
    assert not cluster.decide().apply


def test_a_job_is_written_of_only_when_there_is_news() -> None:
    cluster, writes = SimulatedCluster(parallelism=1), []
    steps: list[Callable[[], object]] = [
        lambda: None,
        cluster.finish_resolve,
        cluster.finish_augment,
        cluster.finish_publish,
    ]
    for happens in steps:
        before = cluster.writes
        happens()
        cluster.settle()
        writes.append(cluster.writes - before)
    # Begun; runs, is resolved and waits for a node; has one, is half done, begins to publish; published.
    assert writes == [1, 2, 3, 1]


def test_a_job_runs_as_soon_as_its_first_pod_does() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.pass_time(5)
    cluster.start_pod(RESOLVE)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    assert cluster.status.started_at == cluster.now


def test_a_resolved_job_waits_for_a_node_for_its_first_shard() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    assert cluster.status.current_phase == PROVISION
    assert cluster.status.message == "waiting for a node"
    assert phases(cluster) == (COMPLETED, IN_PROGRESS, PENDING, PENDING)


def test_the_number_of_shards_is_recorded_with_the_augment_phase() -> None:
    cluster = SimulatedCluster()  # 1000 frames x 3 copies, 1500 frames a shard
    cluster.reach(AUGMENT)
    assert cluster.status.shard_count == 2
    assert cluster.job_of(AUGMENT).completions == 2


def test_every_shard_has_its_record_before_its_pod() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    assert sorted(name for kind, name in cluster.objects if kind == "ConfigMap") == [
        "kitchen-0f1e2d3c-shard-0",
        "kitchen-0f1e2d3c-shard-1",
        "kitchen-0f1e2d3c-shard-files",
    ]


def test_first_running_shard_completes_provisioning_and_reports_its_node() -> None:
    cluster = SimulatedCluster()
    labels = {
        "node.kubernetes.io/instance-type": "g6.xlarge",
        "topology.kubernetes.io/region": "eu-north-1",
        "topology.kubernetes.io/zone": "eu-north-1a",
        "nvidia.com/gpu.product": "NVIDIA-L4",
    }
    cluster.label_node("node-b", labels)
    cluster.reach(AUGMENT)
    cluster.pass_time(30)
    cluster.start_pod(AUGMENT, node="node-b")
    cluster.settle()
    placement, placed = cluster.status.placement, cluster.status.condition(ConditionType.PLACED)
    assert placement is not None
    assert (placement.node, placement.instance_type) == ("node-b", "g6.xlarge")
    assert (placement.region, placement.zone, placement.accelerator) == ("eu-north-1", "eu-north-1a", "NVIDIA-L4")
    assert placed is not None
    assert placed.status == "True"
    assert cluster.status.current_phase == AUGMENT
    assert phases(cluster) == (COMPLETED, COMPLETED, IN_PROGRESS, PENDING)
    assert cluster.status.phase(PROVISION).completed_at == cluster.now


def test_placement_of_a_node_without_labels_is_the_node_alone() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT, node="node-b")
    cluster.settle()
    assert cluster.status.placement is not None
    assert cluster.status.placement.to_wire() == {
        "placement": "any",
        "rung": 0,
        "triedSince": "2026-01-01T00:00:10Z",
        "node": "node-b",
    }


def test_publishing_waits_for_every_shard() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT, 0)
    cluster.start_pod(AUGMENT, 1)
    cluster.succeed_pod(AUGMENT, 0)
    cluster.settle()
    assert not cluster.has_job(PUBLISH)
    cluster.succeed_pod(AUGMENT, 1)
    cluster.settle()
    assert cluster.has_job(PUBLISH)
    assert phases(cluster) == (COMPLETED, COMPLETED, COMPLETED, IN_PROGRESS)


def test_a_published_job_is_completed_and_says_what_it_made() -> None:
    cluster = SimulatedCluster()
    cluster.complete()
    complete = cluster.status.condition(ConditionType.COMPLETE)
    assert complete is not None
    assert complete.status == "True"
    assert cluster.status.message == "published lab/kitchen_augmented_0f1e2d3c: 40 episodes, 4000 frames"
    assert phases(cluster) == (COMPLETED, COMPLETED, COMPLETED, COMPLETED)
    assert cluster.status.completed_at == cluster.now


def test_a_job_is_100_percent_done_only_once_its_result_is_published() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    tally = {"total": 1500, "done": 1500}
    for index in (0, 1):
        cluster.start_pod(AUGMENT, index)
        cluster.report_shard(index, state="completed", frames=tally)
        cluster.succeed_pod(AUGMENT, index)
    cluster.settle()
    assert cluster.status.progress is not None
    assert cluster.status.progress.percent == 99
    cluster.finish_publish()
    assert cluster.status.progress is not None
    assert cluster.status.progress.percent == 100


def test_a_phase_is_not_over_until_its_worker_has_reported() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.succeed_pod(RESOLVE)
    cluster.settle()
    assert cluster.phase_status(RESOLVE) == IN_PROGRESS
    cluster.report_source()
    cluster.settle()
    assert cluster.phase_status(RESOLVE) == COMPLETED


def test_the_times_of_a_life_are_recorded_and_in_order() -> None:
    cluster = SimulatedCluster()
    cluster.complete()
    status = cluster.status
    assert status.created_at == status.queued_at == BEGINNING
    assert status.started_at is not None
    assert status.completed_at is not None
    assert BEGINNING <= status.started_at < status.completed_at
    for phase in status.phases:
        assert phase.started_at is not None
        assert phase.completed_at is not None
        assert phase.started_at <= phase.completed_at


def test_the_generation_acted_on_is_recorded() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.change(ttlSecondsAfterFinished=60)
    cluster.settle()
    assert cluster.status.observed_generation == 2


def test_each_job_of_a_life_is_made_once() -> None:
    cluster = SimulatedCluster()
    cluster.complete()
    assert cluster.created_jobs == [cluster.job_name(phase) for phase in (RESOLVE, AUGMENT, PUBLISH)]


@pytest.mark.parametrize(("limits", "shards"), [((1, 10), 2), ((3, 10), 3), ((1, 1), 1)])
def test_shards_stay_within_the_limits_that_resolve_reports(limits: tuple[int, int], shards: int) -> None:
    cluster = SimulatedCluster()
    cluster.reach(RESOLVE)
    cluster.start_pod(RESOLVE)
    cluster.report_source(selectedFrames=1000, copies=3, minShards=limits[0], maxShards=limits[1])
    cluster.succeed_pod(RESOLVE)
    cluster.settle()
    assert cluster.status.shard_count == shards
