"""The exceptions that end the worker: a failure with a typed reason, and that of a pod that is asked to stop."""

from augmentation_api import FailureReason
from augmentation_kube import connection_failure
from augmentation_worker import secrecy


class WorkerFailure(Exception):
    """The job has failed, or its pod has.

    Args:
        reason: typed reason; its exit code says to the operator whether a retry can help.
        message: for a robotics researcher: names the field, the value and what to do about it. What it quotes may
            come from anywhere: it is kept without secrets, on one line and of bounded length.
    """

    def __init__(self, reason: FailureReason, message: str) -> None:
        clean = secrecy.fit(message)
        super().__init__(clean)
        self.reason = reason
        self.message = clean


class SourceInvalid(WorkerFailure):
    """Something of the source cannot be used.

    Args:
        finding: what, and what is wrong with it.
        advice: what to do about it.
        introduction: of the message, before the finding.
    """

    def __init__(self, finding: str, advice: str, introduction: str = "") -> None:
        super().__init__(FailureReason.SOURCE_INVALID, f"{introduction}{finding}; {advice}")
        self.finding = finding


_NOT_QUOTED = frozenset({"aiohttp", "h11", "http", "httpcore2", "httpx2", "huggingface_hub", "kubernetes"})
"""Packages whose exceptions may quote a request, with its headers."""
_DESCRIPTION_LIMIT = 300


def describe(error: BaseException) -> str:
    """An unexpected error in a few words: its kind and, unless a library for HTTP chose it, its text."""
    kind = type(error)
    if kind.__module__.partition(".")[0] in _NOT_QUOTED:
        return f"{kind.__name__}: {connection_failure.describe(error)}"
    return secrecy.fit(" ".join(f"{kind.__name__}: {error}".split()), _DESCRIPTION_LIMIT)


class Terminated(BaseException):
    """SIGTERM arrived: the pod is being moved or deleted. What is recorded stays; the rest is repeated."""


TERMINATED_EXIT_CODE = 143
