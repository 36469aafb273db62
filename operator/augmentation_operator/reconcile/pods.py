"""What the pods of a phase do, wait for or fail with, and when the job fails because they will never start."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from augmentation_api import FailureReason, PhaseName
from augmentation_api.status import PhaseEvent
from augmentation_operator.children.pod import ChildPod
from augmentation_operator.reconcile.children import whole_identity
from augmentation_operator.reconcile.failure_reason import Rejection, explain
from augmentation_operator.reconcile.obstacle import IMAGE_PULL_DEADLINE, PODS_REFUSED, Obstacle, gravest_obstacle
from augmentation_operator.reconcile.phase_events import Phases, find_event, operator_event, phases_of, with_event
from augmentation_operator.reconcile.step import Fail, Situation, Statement, Step, Wait

ACTIVITY = {
    PhaseName.RESOLVE: "resolving: pinning the revision and checking the dataset",
    PhaseName.PROVISION: "waiting for a node",
    PhaseName.AUGMENT: "augmenting",
    PhaseName.PUBLISH: "publishing: merging, checking and committing the result",
}
"""What a job does while nothing else is to be said of its pods."""
_OBSTACLE_INTERVAL = timedelta(seconds=10)
"""How often to look for what keeps pods from starting: no change of a pod need say it."""


def watch_pods(situation: Situation, phase: PhaseName, shown: PhaseName, running: Statement | None) -> Step:
    """What the pods of a phase whose Job is active have to say.

    Args:
        shown: the phase as the status names it: provision, while no pod of augment has run.
        running: what the Placed condition says while a pod runs.
    """
    pods = situation.seen.pods_of(phase)
    runs = any(pod.runs for pod in pods)
    is_waiting = not runs or any(not pod.runs and not pod.is_finished for pod in pods)
    phases: Phases = phases_of(situation.job)
    recorded = {event.id for event in phases[shown].events}
    interruptions = tuple(_interruptions(pods, phase, situation.now))
    for event in interruptions:
        phases = with_event(phases, shown, event)
    retried = any(event.status == "retrying" and event.id not in recorded for event in phases[shown].events)
    obstacle = gravest_obstacle(situation, phase)
    refused = obstacle is not None and obstacle.reason == PODS_REFUSED
    step = Step(
        Wait(),
        events=tuple((shown, event) for event in interruptions),
        placed=running if runs else None,
        activity=_retry_message(phases[shown].events, shown) or ACTIVITY[shown],
        apply=whole_identity(situation, phase) if refused or retried else (),
        requeue_after=_OBSTACLE_INTERVAL if is_waiting else None,
    )
    if obstacle is None:
        return step
    return step.then(_obstructed(situation, shown, obstacle, step.activity if runs else None))


def _obstructed(situation: Situation, shown: PhaseName, obstacle: Obstacle, activity: str | None) -> Step:
    """What an obstacle means; an image counts from when its pull first failed, however long node and pull took before.

    Args:
        activity: what other pods do meanwhile; None: none of them runs.
    """
    placed = Statement(False, obstacle.reason, obstacle.message)
    if activity is not None:
        step = Step(Wait(), activity=f"{activity}; {obstacle.message}")
    else:
        step = Step(Wait(), placed=placed, activity=obstacle.message)
    if obstacle.reason != FailureReason.IMAGE_PULL_FAILED or obstacle.pod is None:
        return step
    event = operator_event(f"pull-{obstacle.pod.name}", "waiting", situation.now, error=obstacle.message)
    first = find_event(phases_of(situation.job), event.id) or event
    step = replace(step, events=((shown, event),))
    other = obstacle.pod.blocked
    can_be_pulled = "InvalidImageName" not in (obstacle.pod.pull_problem, other.reason if other else "")
    if not can_be_pulled or situation.now - (first.timestamp or situation.now) > IMAGE_PULL_DEADLINE:
        rejection = Rejection(FailureReason.IMAGE_PULL_FAILED, obstacle.message)
        return replace(step, outcome=Fail(rejection, shown), placed=placed)
    return step


def _interruptions(pods: Sequence[ChildPod], phase: PhaseName, now: datetime) -> Iterator[PhaseEvent]:
    """An event per failed pod.

    A permanent failure is no such event: nothing is retried, and the Job says in a moment that it has failed. A pod
    that Kubernetes took away has not failed: it counts as preempted, and takes nothing of the backoff limit.
    """
    for pod in pods:
        code = pod.termination.exit_code if pod.termination else 0
        if pod.disruption and (code or not pod.is_finished):
            why, words = pod.disruption.reason, pod.disruption.message or "no reason was given"
            error = f"pod {pod.name} was disrupted ({why}): {words}"
            yield operator_event(f"preempted-{pod.name}", "preempted", pod.disruption.at or now, error=error)
        elif pod.termination and code and not pod.termination.is_permanent:
            at = pod.termination.finished_at or pod.created_at or now
            yield operator_event(pod.name, "retrying", at, error=explain(pod.termination, phase).message)


def _retry_message(events: Sequence[PhaseEvent], shown: PhaseName) -> str | None:
    """The sentence while a failed pod is the last thing that happened."""
    latest = max(events, key=lambda event: str(event.timestamp), default=None)
    if latest is None or latest.status not in ("retrying", "preempted"):
        return None
    return f"{shown}: retrying after: {latest.error}"
