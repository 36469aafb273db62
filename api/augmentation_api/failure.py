"""Why a job fails: one typed reason per cause, each with the exit code that a worker pod reports it by.

A worker that fails writes `{"reason", "message"}` to its termination message and exits with the reason's code.
Codes 10 to 63 are permanent: the same input fails the same way, so nothing is retried. Every other code (among them
1, an unforeseen error, and 137 or 143, a killed process) is transient and retried up to the backoff limit.
"""

from enum import StrEnum
from typing import Self

FIRST_PERMANENT_EXIT_CODE = 10
LAST_PERMANENT_EXIT_CODE = 63


class FailureReason(StrEnum):
    """CamelCase reasons of the Failed condition."""

    # Reported by a worker.
    SOURCE_NOT_FOUND = ("SourceNotFound", 10)
    REVISION_NOT_FOUND = ("RevisionNotFound", 11)
    SOURCE_ACCESS_DENIED = ("SourceAccessDenied", 12)
    SOURCE_FORMAT_UNSUPPORTED = ("SourceFormatUnsupported", 13)
    SOURCE_INVALID = ("SourceInvalid", 14)
    SPEC_UNSUPPORTED = ("SpecUnsupported", 15)
    SELECTION_EMPTY = ("SelectionEmpty", 16)
    LIMIT_EXCEEDED = ("LimitExceeded", 17)
    OUTPUT_CONFLICT = ("OutputConflict", 20)
    OUTPUT_ACCESS_DENIED = ("OutputAccessDenied", 21)
    INTEGRITY_CHECK_FAILED = ("IntegrityCheckFailed", 22)
    CREDENTIALS_INVALID = ("CredentialsInvalid", 23)
    HUB_UNTRUSTED = ("HubUntrusted", 24)
    RECORDS_LOST = ("RecordsLost", 25)
    STORE_UNTRUSTED = ("StoreUntrusted", 26)
    HUB_UNAVAILABLE = ("HubUnavailable", 75)
    STORAGE_EXHAUSTED = ("StorageExhausted", 76)
    KUBERNETES_UNAVAILABLE = ("KubernetesUnavailable", 77)
    STORE_UNAVAILABLE = ("StoreUnavailable", 79)
    INTERNAL_ERROR = ("InternalError", 1)
    # Detected by the operator.
    SPEC_INVALID = "SpecInvalid"
    CLASS_NOT_FOUND = "ClassNotFound"
    CLASS_INVALID = "ClassInvalid"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    WORKER_CRASHED = "WorkerCrashed"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    PENDING_DEADLINE_EXCEEDED = "PendingDeadlineExceeded"
    QUEUE_REFUSED = "QueueRefused"

    def __new__(cls, name: str, exit_code: int | None = None) -> Self:
        """A reason by its CamelCase name; the operator's own have no exit code."""
        reason = str.__new__(cls, name)
        reason._value_ = name
        reason._exit_code = exit_code
        return reason

    _exit_code: int | None

    @property
    def exit_code(self) -> int:
        """Exit code of a worker that fails for this reason. Raises ValueError for the operator's own reasons."""
        if self._exit_code is None:
            raise ValueError(f"{self} is no reason of a worker: it has no exit code")
        return self._exit_code

    @property
    def is_permanent(self) -> bool:
        """Whether a retry would fail the same way."""
        return self._exit_code is None or is_permanent_exit_code(self._exit_code)

    @classmethod
    def of_workers(cls) -> list[Self]:
        """The reasons that a worker reports, each with its own exit code."""
        return [reason for reason in cls if reason._exit_code is not None]


def is_permanent_exit_code(exit_code: int) -> bool:
    """Whether an exit code means a permanent failure: the pod is not retried."""
    return FIRST_PERMANENT_EXIT_CODE <= exit_code <= LAST_PERMANENT_EXIT_CODE


PERMANENT_EXIT_CODES = tuple(sorted(reason.exit_code for reason in FailureReason.of_workers() if reason.is_permanent))
