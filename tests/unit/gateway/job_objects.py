"""AugmentationJobs as the API server sends them, for tests."""

from typing import Any

JOB_ID = "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0"
PROJECT_ID = "7a1f0c52-3c1e-4a53-9a43-0c8f8a2b6f10"


def job_object(
    uid: str = JOB_ID,
    version: int = 100,
    *,
    name: str = "a-job",
    namespace: str = "robots",
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A job; without a status it is one that the operator has not seen yet."""
    raw: dict[str, Any] = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": str(version),
            "generation": 1,
            "creationTimestamp": "2026-11-20T10:00:00Z",
            "managedFields": [{"manager": "someone"}],
        },
        "spec": {"projectID": PROJECT_ID, "source": {"hub": {"repoID": "lerobot/pusht"}}, **(spec or {})},
    }
    if status is not None:
        raw["status"] = status
    return raw


def listing(*objects: dict[str, Any], version: int) -> dict[str, Any]:
    """A list object."""
    return {"metadata": {"resourceVersion": str(version)}, "items": list(objects)}


def event(kind: str, raw: dict[str, Any]) -> dict[str, Any]:
    """A watch event."""
    return {"type": kind, "object": raw}


def bookmark(version: int) -> dict[str, Any]:
    """A bookmark event."""
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


AT = [f"2026-11-20T10:0{minute}:00Z" for minute in range(10)]


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": AT[5]}


ACCEPTED = condition("Accepted", "True", "Accepted", "the spec is valid")
RESOLVED = {
    "name": "resolve",
    "status": "completed",
    "startedAt": AT[1],
    "completedAt": AT[2],
    "events": [
        {
            "id": "resolve/done",
            "status": "completed",
            "message": "6 episodes",
            "timestamp": AT[2],
            "data": {"frames": "342"},
        },
        {"id": "resolve/start", "status": "started", "timestamp": AT[1], "retryAttempt": 1},
    ],
}
PROVISIONED = {"name": "provision", "status": "completed", "startedAt": AT[2], "completedAt": AT[3]}
PLACEMENT = {"instanceType": "g6.xlarge", "region": "eu-central-1", "zone": "eu-central-1a", "node": "gpu-1"}
PROGRESS = {
    "percent": 50,
    "episodes": {"total": 6, "done": 3},
    "frames": {"total": 1026, "done": 513, "failed": 0},
    "framesPerSecond": 41.5,
    "estimatedSecondsRemaining": 12,
}
OUTPUT = {
    "datasetID": "me/pusht_augmented_2489e9ad",
    "revision": "abc",
    "episodes": 24,
    "frames": 1368,
    "url": "https://hub/datasets/me/pusht_augmented_2489e9ad",
}

STATES: dict[str, dict[str, Any] | None] = {
    "just created": None,
    "accepted": {"state": "queued", "currentPhase": "resolve", "conditions": [ACCEPTED], "createdAt": AT[0]},
    "resolving": {
        "state": "running",
        "currentPhase": "resolve",
        "phases": [{"name": "resolve", "status": "in_progress", "startedAt": AT[1]}],
    },
    "waiting for a node": {
        "state": "running",
        "currentPhase": "provision",
        "conditions": [ACCEPTED, condition("Placed", "False", "Unschedulable", "waiting for a node: no GPU is free")],
        "phases": [{"name": "provision", "status": "in_progress", "startedAt": AT[2]}, RESOLVED],
    },
    "augmenting": {
        "state": "running",
        "currentPhase": "augment",
        "conditions": [ACCEPTED, condition("Placed", "True", "Running", "running on gpu-1")],
        "phases": [RESOLVED, PROVISIONED, {"name": "augment", "status": "in_progress", "startedAt": AT[3]}],
        "placement": PLACEMENT,
        "progress": PROGRESS,
        "output": {"datasetID": OUTPUT["datasetID"]},
        "shards": [{"index": 0, "state": "running", "written by a newer release": 1}],
    },
    "completed": {
        "state": "completed",
        "currentPhase": "publish",
        "phases": [
            RESOLVED,
            PROVISIONED,
            {"name": "augment", "status": "completed"},
            {"name": "publish", "status": "completed"},
        ],
        "placement": PLACEMENT,
        "progress": {**PROGRESS, "percent": 100},
        "output": OUTPUT,
        "completedAt": AT[9],
    },
    "failed": {
        "state": "failed",
        "currentPhase": "resolve",
        "conditions": [
            condition("Failed", "True", "SourceNotFound", "lerobot/pusht is not on the hub: check dataset_id")
        ],
        "phases": [
            {"name": "resolve", "status": "failed", "startedAt": AT[1], "completedAt": AT[2], "error": "not found"}
        ],
        "output": {"datasetID": OUTPUT["datasetID"]},
    },
    "cancelled": {
        "state": "cancelled",
        "currentPhase": "augment",
        "conditions": [condition("Cancelled", "True", "Cancelled", "cancelled by spec.cancel")],
        "phases": [RESOLVED, PROVISIONED, {"name": "augment", "status": "failed", "error": "cancelled"}],
    },
}
