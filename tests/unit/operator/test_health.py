"""Health by the conditions Ready, Reconciling and Stalled: what GitOps tools conclude at each stage of a job."""

import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lupa import lua51

from augmentation_api import ConditionType, FailureReason, PhaseName
from augmentation_kube import Resource
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster

Json = dict[str, Any]


def kstatus(body: Json) -> str:
    """The health of a custom resource by kstatus, restated from sigs.k8s.io/cli-utils, pkg/kstatus/status.

    generic.go (checkGenericProperties, checkGeneration), then status.go (checkReadyCondition, default: Current).
    """
    metadata, status = body["metadata"], body.get("status", {})
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    if "observedGeneration" in status and status["observedGeneration"] != metadata["generation"]:
        return "InProgress"
    conditions = status.get("conditions", [])
    for condition in conditions:
        if (condition["type"], condition["status"]) == ("Reconciling", "True"):
            return "InProgress"
        if (condition["type"], condition["status"]) == ("Stalled", "True"):
            return "Failed"
    for condition in conditions:
        if condition["type"] == "Ready":
            return "Current" if condition["status"] == "True" else "InProgress"
    return "Current"


def argo_cd(body: Json) -> str:
    """The health of a job by the script for Argo CD in the documentation."""
    page = (Path(__file__).parents[3] / "docs" / "installation.md").read_text()
    script = re.search(r"augmentation\.dev_AugmentationJob: \|\n(.*?)```", page, re.DOTALL)
    assert script is not None
    lua = lua51.LuaRuntime(register_eval=False)  # as Argo CD has it
    lua.globals().obj = lua.table_from(body, recursive=True)
    return str(lua.execute(textwrap.dedent(script[1])).status)


def ready_reason(cluster: SimulatedCluster) -> str | None:
    """What `kubectl get` shows in the column Reason."""
    ready = cluster.status.condition(ConditionType.READY)
    return None if ready is None else ready.reason


def reached(phase: PhaseName) -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()
    return cluster


def waiting_for_a_node() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.wait_for_node(AUGMENT)
    cluster.settle()
    return cluster


def blocked_by_quota() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.settle_without_pods()
    cluster.warn("Job", cluster.job_name(RESOLVE), 'pods "x" is forbidden: exceeded quota: q')
    cluster.pass_time(60)
    cluster.settle()
    return cluster


def without_a_class() -> SimulatedCluster:
    cluster = SimulatedCluster(classes=())
    cluster.settle()
    return cluster


def suspended() -> SimulatedCluster:
    cluster = reached(AUGMENT)
    cluster.change(suspend=True)
    cluster.settle()
    return cluster


def completed() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.complete()
    return cluster


def failed() -> SimulatedCluster:
    cluster = reached(RESOLVE)
    cluster.fail_pod(RESOLVE, failure=FailureReason.SOURCE_NOT_FOUND, message="no such dataset")
    cluster.settle()
    return cluster


def cancelled() -> SimulatedCluster:
    cluster = SimulatedCluster(cancel=True)
    cluster.settle()
    return cluster


def started_again() -> SimulatedCluster:
    cluster = failed()
    cluster.retry()
    cluster.settle()
    return cluster


@pytest.mark.parametrize(
    ("stage", "health", "shown", "reason"),
    [
        (lambda: reached(RESOLVE), "InProgress", "running", "Running"),
        (waiting_for_a_node, "InProgress", "running", "Unschedulable"),
        (lambda: reached(AUGMENT), "InProgress", "running", "Running"),
        (lambda: reached(PUBLISH), "InProgress", "running", "Running"),
        (blocked_by_quota, "InProgress", "queued", "QuotaExceeded"),
        (without_a_class, "InProgress", "queued", "ClassNotFound"),
        (suspended, "Current", "suspended", None),
        (completed, "Current", "completed", "Published"),
        (failed, "Failed", "failed", "SourceNotFound"),
        (cancelled, "Failed", "cancelled", "CancelledByUser"),
        (started_again, "InProgress", "queued", "Starting"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_kstatus_argo_cd_and_kubectl_show_what_a_job_does(
    stage: Callable[[], SimulatedCluster], health: str, shown: str, reason: str | None
) -> None:
    cluster = stage()
    assert kstatus(cluster.body) == health
    in_argo_cd = {"InProgress": "Progressing", "Failed": "Degraded", "Current": "Healthy"}[health]
    assert argo_cd(cluster.body) == ("Suspended" if stage is suspended else in_argo_cd)
    assert (cluster.status.display_state, ready_reason(cluster)) == (shown, reason)


@pytest.mark.parametrize("stage", [lambda: reached(AUGMENT), suspended, completed, failed, cancelled])
def test_every_condition_follows_a_change_of_the_spec(stage: Callable[[], SimulatedCluster]) -> None:
    """`kubectl wait` ignores a condition whose observedGeneration is older than the resource (kubectl#1414)."""
    cluster = stage()
    before = cluster.status
    cluster.change(ttlSecondsAfterFinished=86400)
    assert kstatus(cluster.body) == "InProgress"
    assert argo_cd(cluster.body) == "Progressing"
    cluster.settle()
    generation = cluster.body["metadata"]["generation"]
    assert cluster.status.observed_generation == generation
    assert {each.observed_generation for each in cluster.status.conditions} == {generation}
    assert [(each.type, each.status, each.last_transition_time) for each in cluster.status.conditions] == [
        (each.type, each.status, each.last_transition_time) for each in before.conditions
    ]


def test_job_that_an_older_release_ended_gets_its_health_once() -> None:
    cluster = completed()
    cluster.lose_status("displayState", "conditions")
    cluster.settle()
    assert (cluster.status.display_state, kstatus(cluster.body)) == ("completed", "Current")
    writes = cluster.writes
    cluster.settle()
    assert cluster.writes == writes


def test_health_makes_no_events() -> None:
    cluster = failed()
    reasons = [event["reason"] for event in cluster.kube.all(Resource.EVENTS)]
    assert reasons.count("SourceNotFound") == 1
    assert not {"Running", "Starting"} & {*reasons}
