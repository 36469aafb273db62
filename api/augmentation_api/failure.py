"""Why a job fails: one typed reason per cause, each with the exit code that a worker pod reports it by.

A worker that fails writes `{"reason", "message"}` to its termination message and exits with the reason's code.
Codes 10 to 63 are permanent: the same input fails the same way, so nothing is retried. Every other code (among them
1, an unforeseen error, and 137 or 143, a killed process) is transient and retried up to the backoff limit.
"""

from enum import Enum, StrEnum

FIRST_PERMANENT_EXIT_CODE = 10
LAST_PERMANENT_EXIT_CODE = 63


class FailureReason(StrEnum):
    """CamelCase reasons of the Failed condition."""

    # Reported by a worker.
    SOURCE_NOT_FOUND = "SourceNotFound"
    REVISION_NOT_FOUND = "RevisionNotFound"
    SOURCE_ACCESS_DENIED = "SourceAccessDenied"
    SOURCE_FORMAT_UNSUPPORTED = "SourceFormatUnsupported"
    SOURCE_INVALID = "SourceInvalid"
    SPEC_UNSUPPORTED = "SpecUnsupported"
    SELECTION_EMPTY = "SelectionEmpty"
    LIMIT_EXCEEDED = "LimitExceeded"
    OUTPUT_CONFLICT = "OutputConflict"
    OUTPUT_ACCESS_DENIED = "OutputAccessDenied"
    INTEGRITY_CHECK_FAILED = "IntegrityCheckFailed"
    CREDENTIALS_INVALID = "CredentialsInvalid"
    HUB_UNAVAILABLE = "HubUnavailable"
    STORAGE_EXHAUSTED = "StorageExhausted"
    KUBERNETES_UNAVAILABLE = "KubernetesUnavailable"
    INTERNAL_ERROR = "InternalError"
    # Detected by the operator.
    SPEC_INVALID = "SpecInvalid"
    CLASS_NOT_FOUND = "ClassNotFound"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    WORKER_CRASHED = "WorkerCrashed"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    QUEUE_REFUSED = "QueueRefused"

    @property
    def exit_code(self) -> int:
        """Exit code of a worker that fails for this reason. Raises KeyError for the operator's own reasons."""
        return _ExitCode[self.name].value

    @property
    def is_permanent(self) -> bool:
        """Whether a retry would fail the same way."""
        if self.name not in _ExitCode.__members__:
            return True
        return is_permanent_exit_code(self.exit_code)


class _ExitCode(Enum):
    SOURCE_NOT_FOUND = 10
    REVISION_NOT_FOUND = 11
    SOURCE_ACCESS_DENIED = 12
    SOURCE_FORMAT_UNSUPPORTED = 13
    SOURCE_INVALID = 14
    SPEC_UNSUPPORTED = 15
    SELECTION_EMPTY = 16
    LIMIT_EXCEEDED = 17
    OUTPUT_CONFLICT = 20
    OUTPUT_ACCESS_DENIED = 21
    INTEGRITY_CHECK_FAILED = 22
    CREDENTIALS_INVALID = 23
    INTERNAL_ERROR = 1
    HUB_UNAVAILABLE = 75
    STORAGE_EXHAUSTED = 76
    KUBERNETES_UNAVAILABLE = 77


def is_permanent_exit_code(exit_code: int) -> bool:
    """Whether an exit code means a permanent failure: the pod is not retried."""
    return FIRST_PERMANENT_EXIT_CODE <= exit_code <= LAST_PERMANENT_EXIT_CODE


PERMANENT_EXIT_CODES = tuple(sorted(code.value for code in _ExitCode if is_permanent_exit_code(code.value)))
