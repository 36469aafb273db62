"""Files that a result takes over from its source must hold no secret of the pod: it may be public tomorrow."""

from pathlib import Path
from typing import Final

from augmentation_api import FailureReason
from augmentation_worker import secrecy
from augmentation_worker.failure import WorkerFailure

_LOOKED_AT_BYTES: Final = 1 << 20
"""A larger file is data."""


def refuse_secrets(path: str, content: bytes | Path) -> None:
    """Raise WorkerFailure(SOURCE_INVALID) if a file of the result would hold the hub token or the pod's identity.

    Args:
        path: in the dataset.
        content: of the file, or where it is.
    """
    if isinstance(content, Path):
        if content.stat().st_size > _LOOKED_AT_BYTES:
            return
        content = content.read_bytes()
    if secrecy.holds_secret(content):
        raise WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"{path} of the result would hold the hub token or the pod's identity, which the source has in one of its "
            "files: remove it there, and have a new token made",
        )
