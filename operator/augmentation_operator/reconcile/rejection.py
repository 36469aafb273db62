"""A reason with a sentence: why a job is rejected, held or failed."""

from dataclasses import dataclass

from augmentation_api import FailureReason


@dataclass(frozen=True)
class Rejection:
    """Why a job cannot go on: a typed reason, and a message that names the cause and the fix."""

    reason: FailureReason
    message: str
