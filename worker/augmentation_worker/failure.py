"""How the worker gives up: one exception with a typed reason, and the exception of a pod that is asked to stop."""

from augmentation_api import FailureReason
from augmentation_kube import connection_failure
from augmentation_worker import secrecy


class WorkerFailure(Exception):
    """The job cannot go on.

    Args:
        reason: typed reason; its exit code tells the operator whether trying again can help.
        message: for a robotics researcher: names the field, the value and what to do about it. What it quotes may
            come from anywhere: it is kept without secrets, on one line and of bounded length.
    """

    def __init__(self, reason: FailureReason, message: str) -> None:
        clean = secrecy.fit(message)
        super().__init__(clean)
        self.reason = reason
        self.message = clean


_WITHOUT_THEIR_WORDS = frozenset({"aiohttp", "h11", "http", "httpcore2", "httpx2", "huggingface_hub", "kubernetes"})
"""Packages whose exceptions may quote a request, with its headers."""
_WORDS_LIMIT = 300


def describe(error: BaseException) -> str:
    """An error that nobody foresaw in a few words: its kind and, unless a library for HTTP chose it, its text."""
    kind = type(error)
    if kind.__module__.partition(".")[0] in _WITHOUT_THEIR_WORDS:
        return f"{kind.__name__}: {connection_failure.describe(error)}"
    return secrecy.fit(" ".join(f"{kind.__name__}: {error}".split()), _WORDS_LIMIT)


class Terminated(BaseException):
    """SIGTERM arrived: the pod is being moved or deleted. What is recorded stays; the rest is done again."""


TERMINATED_EXIT_CODE = 143
