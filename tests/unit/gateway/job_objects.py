"""AugmentationJobs as the API server sends them, for tests."""

from __future__ import annotations

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
