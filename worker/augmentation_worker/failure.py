"""How the worker gives up: one exception with a typed reason, and the exception of a pod that is asked to stop."""

from augmentation_api import FailureReason


class WorkerFailure(Exception):
    """The job cannot go on.

    Args:
        reason: typed reason; its exit code tells the operator whether trying again can help.
        message: for a robotics researcher: names the field, the value and what to do about it.
    """

    def __init__(self, reason: FailureReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Terminated(BaseException):
    """SIGTERM arrived: the pod is being moved or deleted. What is recorded stays; the rest is done again."""


TERMINATED_EXIT_CODE = 143


def without_secret(text: str, secret: str | None) -> str:
    """`text` with every occurrence of `secret` blotted out: messages go to logs and to the resource's status."""
    return text.replace(secret, "***") if secret else text
