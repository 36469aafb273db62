"""The containers of a worker pod other than the worker's: what webhooks and classes add to it (sidecars, init)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from augmentation_api.pod_container import WORKER_CONTAINER

PULL_PROBLEMS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
CONFIG_PROBLEMS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_PROBLEMS = PULL_PROBLEMS | CONFIG_PROBLEMS | {"CrashLoopBackOff"}


@dataclass(frozen=True, slots=True)
class OtherContainer:
    """A container that keeps its pod from starting, failed it, or keeps it from ending.

    Attributes:
        image: as the pod names it.
        reason, message: why it waits or how it ended, in the kubelet's words; empty while it runs.
        exit_code: of one that failed; 0: it has not ended.
    """

    name: str
    image: str = ""
    reason: str = ""
    message: str = ""
    exit_code: int = 0


def blocked_container(status: Mapping[str, Any]) -> OtherContainer | None:
    """The first other container that cannot start; None: there is none."""
    for entry in _entries(status, "initContainerStatuses", "containerStatuses"):
        waiting = entry.get("state", {}).get("waiting", {})
        if waiting.get("reason") in _PROBLEMS:
            return _container(entry, waiting)
    return None


def failed_container(status: Mapping[str, Any]) -> OtherContainer | None:
    """The first other container that ended badly; None: there is none."""
    for entry in _entries(status, "initContainerStatuses", "containerStatuses"):
        terminated = entry.get("state", {}).get("terminated", {})
        if terminated.get("exitCode"):
            return _container(entry, terminated)
    return None


def lasting_containers(status: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the other containers that have to end before the pod does: not those of native sidecars."""
    entries = _entries(status, "containerStatuses")
    return tuple(str(entry.get("name", "")) for entry in entries if not entry.get("state", {}).get("terminated"))


def _entries(status: Mapping[str, Any], *fields: str) -> Iterator[Mapping[str, Any]]:
    for field in fields:
        for entry in status.get(field, []):
            if entry.get("name") != WORKER_CONTAINER:
                yield entry


def _container(entry: Mapping[str, Any], state: Mapping[str, Any]) -> OtherContainer:
    return OtherContainer(
        name=str(entry.get("name", "")),
        image=str(entry.get("image", "")),
        reason=state.get("reason", ""),
        message=state.get("message", ""),
        exit_code=int(state.get("exitCode", 0)),
    )
