"""What a user, or time, may ask of a job in any state, and what becomes of it: the whole table, a row a state.

Each entry is tried as it is, asked for twice, and with an operator that is killed in the middle of it.
"""

from collections.abc import Callable
from typing import Any

import pytest

from augmentation_api import FailureReason
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, Refused, SimulatedCluster

LIMIT = 3600
ACTIONS = ("suspend", "resume", "cancel", "retry", "overrun", "outlive")
QUEUED, RUNNING, HELD, DONE, FAILED, CANCELLED = "queued", "running", "held", "completed", "failed", "cancelled"
GONE, REFUSED = "gone", "refused"
TABLE: dict[str, tuple[str, ...]] = {
    #                    suspend    resume     cancel     retry    overrun    outlive
    "just made":        (HELD,      QUEUED,    CANCELLED, REFUSED, QUEUED,    QUEUED),
    "without a class":  (QUEUED,    QUEUED,    CANCELLED, REFUSED, FAILED,    GONE),
    "made suspended":   (HELD,      QUEUED,    CANCELLED, REFUSED, HELD,      HELD),
    "about to resolve": (HELD,      QUEUED,    CANCELLED, REFUSED, QUEUED,    QUEUED),
    "resolving":        (HELD,      RUNNING,   CANCELLED, REFUSED, FAILED,    RUNNING),
    "waiting for nodes":(HELD,      RUNNING,   CANCELLED, REFUSED, FAILED,    RUNNING),
    "augmenting":       (HELD,      RUNNING,   CANCELLED, REFUSED, FAILED,    RUNNING),
    "publishing":       (HELD,      RUNNING,   CANCELLED, REFUSED, FAILED,    RUNNING),
    "published":        (HELD,      RUNNING,   RUNNING,   REFUSED, FAILED,    RUNNING),
    "suspended":        (HELD,      RUNNING,   CANCELLED, REFUSED, HELD,      HELD),
    "being cancelled":  (CANCELLED, CANCELLED, CANCELLED, REFUSED, CANCELLED, GONE),
    "completed":        (DONE,      DONE,      DONE,      REFUSED, DONE,      GONE),
    "failed":           (FAILED,    FAILED,    FAILED,    QUEUED,  FAILED,    GONE),
    "cancelled":        (CANCELLED, CANCELLED, CANCELLED, QUEUED,  CANCELLED, GONE),
    "started again":    (HELD,      QUEUED,    CANCELLED, REFUSED, QUEUED,    QUEUED),
}  # fmt: skip


def job_that_is(what: str, **spec: Any) -> SimulatedCluster:
    """A job that has been brought to a state by the ways a job gets there."""
    if what == "made suspended":
        spec["suspend"] = True
    cluster = SimulatedCluster(classes=() if what == "without a class" else None, **spec)
    if what == "just made":
        return cluster
    if what in ("without a class", "made suspended", "about to resolve"):
        cluster.settle()
    elif what == "completed":
        cluster.complete()
    elif what in ("publishing", "published"):
        reach_running(cluster, PUBLISH)
        if what == "published":
            cluster.report_output()
            cluster.settle()
    elif what == "resolving":
        reach_running(cluster, RESOLVE)
    elif what == "waiting for nodes":
        cluster.reach(AUGMENT)
    else:
        reach_running(cluster, AUGMENT)
        lead_on(cluster, what)
    return cluster


def reach_running(cluster: SimulatedCluster, phase: Any) -> None:
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()


def lead_on(cluster: SimulatedCluster, what: str) -> None:
    """From augmenting to where a user or a failure takes a job."""
    if what == "suspended":
        cluster.change(suspend=True)
        come_to_rest(cluster)
    elif what == "being cancelled":
        cluster.change(cancel=True)
        cluster.settle()
    elif what == "cancelled":
        cluster.change(cancel=True)
        come_to_rest(cluster)
    elif what in ("failed", "started again"):
        cluster.fail_pod(AUGMENT, failure=FailureReason.SOURCE_INVALID, message="episode 3 is broken")
        come_to_rest(cluster)
        if what == "started again":
            cluster.retry()
            come_to_rest(cluster)


def come_to_rest(cluster: SimulatedCluster) -> None:
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()


def act(cluster: SimulatedCluster, action: str) -> None:
    match action:
        case "suspend" | "resume":
            cluster.change(suspend=action == "suspend")
        case "cancel":
            cluster.change(cancel=True)
        case "retry":
            cluster.retry()
        case "overrun" | "outlive":
            cluster.pass_time(LIMIT)


def outcome(cluster: SimulatedCluster) -> str:
    if cluster.deleted:
        return GONE
    status = cluster.status
    assert status.state is not None
    suspended = cluster.spec.get("suspend") and cluster.classes
    if status.state.is_final or suspended:
        assert not cluster.running_pods, status.state
    return HELD if suspended and not status.state.is_final else str(status.state)


def nothing_more() -> None:
    pass


@pytest.mark.parametrize("how", ["once", "twice", "with the operator killed"])
@pytest.mark.parametrize(
    ("what", "action", "expected"),
    [(what, action, row[place]) for what, row in TABLE.items() for place, action in enumerate(ACTIONS)],
)
def test_every_action_in_every_state_has_its_outcome(what: str, action: str, expected: str, how: str) -> None:
    spec = {"overrun": {"activeDeadlineSeconds": LIMIT}, "outlive": {"ttlSecondsAfterFinished": LIMIT}}.get(action, {})
    cluster = job_that_is(what, **spec)
    between: Callable[[], None] = cluster.reconcile_and_die if how == "with the operator killed" else nothing_more
    if expected == REFUSED:
        with pytest.raises(Refused):
            act(cluster, action)
        return
    act(cluster, action)
    between()
    come_to_rest(cluster)
    if how == "twice" and action in ("suspend", "resume", "cancel"):
        act(cluster, action)
        come_to_rest(cluster)
    if expected == GONE and not cluster.deleted:  # it ended only now
        cluster.pass_time(LIMIT)
        come_to_rest(cluster)
    assert outcome(cluster) == expected


def test_the_table_has_an_entry_for_every_action() -> None:
    assert {len(row) for row in TABLE.values()} == {len(ACTIONS)}
