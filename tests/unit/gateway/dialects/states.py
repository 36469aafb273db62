"""A job in every state, from accepted to removed, and the documented type of every field."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from augmentation_gateway.cache.cluster_view import ClusterView
from tests.unit.gateway.conftest import put
from tests.unit.gateway.job_objects import AT, OUTPUT, RESOLVED, STATES, condition, event, job_object

RESOLVING = {"name": "resolve", "status": "in_progress", "startedAt": AT[1]}
PROVISIONED = {"name": "provision", "status": "completed", "startedAt": AT[2], "completedAt": AT[3]}
AUGMENTING = {"name": "augment", "status": "in_progress", "startedAt": AT[3]}
NO_NODE = condition("Placed", "False", "Unschedulable", "waiting for a node")
SOURCE = {"repoID": "lerobot/pusht", "revision": "abc123", "episodes": 6, "selectedEpisodes": 6}

ALL_STATES: dict[str, dict[str, Any] | None] = {
    **STATES,
    "waiting in the queue": {"state": "queued", "queue": {"position": 2, "depth": 7}},
    "resolve pod not started": {"state": "queued", "currentPhase": "resolve", "phases": [RESOLVING]},
    "suspended": {"state": "running", "conditions": [condition("Suspended", "True", "SuspendedByUser", "suspended")]},
    "waiting for quota": {
        "state": "running",
        "currentPhase": "provision",
        "phases": [RESOLVED],
        "queue": {"position": 0, "depth": 3},
        "source": SOURCE,
    },
    "waiting for a queue that is not there": {
        "state": "running",
        "currentPhase": "provision",
        "phases": [RESOLVED],
        "conditions": [
            condition("Admitted", "False", "QueueNotFound", "queueName 'gpus': there is no such LocalQueue")
        ],
        "source": SOURCE,
    },
    "preempted": {
        "state": "running",
        "currentPhase": "augment",
        "phases": [RESOLVED, PROVISIONED, AUGMENTING],
        "conditions": [NO_NODE],
        "preemptionCount": 1,
        "source": SOURCE,
    },
    "failed on the way": {
        "state": "failed",
        "currentPhase": "augment",
        "conditions": [condition("Failed", "True", "WorkerCrashed", "the worker crashed")],
        "startedAt": AT[1],
        "completedAt": AT[5],
        "retryCount": 3,
        "source": SOURCE,
    },
    "hub away in resolve": {
        "state": "failed",
        "currentPhase": "resolve",
        "conditions": [condition("Failed", "True", "HubUnavailable", "the hub does not answer")],
        "completedAt": AT[5],
    },
    "completed with all": {**(STATES["completed"] or {}), "source": SOURCE, "startedAt": AT[1], "output": OUTPUT},
    "cancelled with time": {**(STATES["cancelled"] or {}), "cancelledAt": AT[6]},
}

Check = Callable[[Any], bool]


def text(value: Any) -> bool:
    return isinstance(value, str)


def moment(value: Any) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def uuid(value: Any) -> bool:
    return isinstance(value, str) and str(UUID(value)) == value


def integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def thing(value: Any) -> bool:
    return isinstance(value, dict)


def one_of(*values: Any) -> Check:
    return lambda value: value in values


def matching(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def nullable(check: Check) -> Check:
    return lambda value: value is None or check(value)


def object_of(fields: Mapping[str, Check]) -> Check:
    def check(value: Any) -> bool:
        conforms(value, fields)
        return True

    return check


def conforms(body: Any, fields: Mapping[str, Check]) -> None:
    """Check that the fields are exactly the documented ones, in order and of their types."""
    assert isinstance(body, dict)
    assert list(body) == list(fields)
    for name, check in fields.items():
        assert check(body[name]), f"{name} is {body[name]!r}"


def bring(view: ClusterView, state: str, **spec: Any) -> None:
    """Bring the one job into a state of ALL_STATES."""
    put(view, job_object(version=300, status=ALL_STATES[state], spec=spec))


def remove_by_ttl(view: ClusterView) -> None:
    """Remove the completed job as if its TTL had expired."""
    long_ago = (datetime.now().astimezone() - timedelta(hours=1)).isoformat()
    raw = job_object(
        version=301,
        status={"state": "completed", "completedAt": long_ago},
        spec={"ttlSecondsAfterFinished": 60},
    )
    put(view, raw)
    jobs = view.jobs_in("robots")
    assert jobs is not None
    jobs.apply(event("DELETED", {**raw, "metadata": {**raw["metadata"], "resourceVersion": "302"}}))
