"""A job with spec.preview: its resolve pod draws it, and nothing else runs."""

from typing import Any

from augmentation_api import ConditionType, PhaseStatus, State
from tests.unit.operator.simulated_cluster import RESOLVE, SimulatedCluster

PREVIEW = {"mediaType": "image/png", "image": "iVBORw0KGgo="}


def drawn(**spec: Any) -> SimulatedCluster:
    cluster = SimulatedCluster(preview={}, **spec)
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.report_preview(PREVIEW)
    cluster.finish_resolve()
    return cluster


def test_preview_is_completed_by_its_resolve_job() -> None:
    cluster = drawn()
    cluster.settle()
    assert cluster.status.state == State.COMPLETED
    assert cluster.created_jobs == [cluster.job_name(RESOLVE)]
    assert [(phase.name, phase.status) for phase in cluster.status.phases] == [(RESOLVE, PhaseStatus.COMPLETED)]
    complete = cluster.status.condition(ConditionType.COMPLETE)
    assert complete is not None
    assert (complete.status, complete.reason) == ("True", "PreviewDrawn")
    assert "nothing was published" in (cluster.status.message or "")
    assert cluster.status.progress is not None
    assert cluster.status.progress.percent == 100
    assert cluster.status.preview is not None


def test_preview_creates_no_shard_records() -> None:
    cluster = drawn(parallelism=3)
    cluster.settle()
    assert {kind for kind, _ in cluster.objects} == {"ServiceAccount", "Role", "RoleBinding"}


def test_preview_that_its_pod_claims_before_it_is_done_is_not_completed() -> None:
    cluster = SimulatedCluster(preview={})
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.report_preview(PREVIEW)
    cluster.settle()
    assert cluster.status.state == State.RUNNING


def test_image_that_draws_no_preview_fails_the_job() -> None:
    cluster = SimulatedCluster(preview={})
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.finish_resolve()
    cluster.pass_time(90)
    cluster.settle()
    assert cluster.status.state == State.FAILED
    assert "without writing status.preview" in (cluster.status.message or "")


def test_preview_is_deleted_after_its_time_to_live() -> None:
    cluster = drawn(ttlSecondsAfterFinished=600)
    cluster.settle()
    cluster.pass_time(601)
    cluster.settle()
    assert cluster.deleted
