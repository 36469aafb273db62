"""The error for bytes that are not read, and the failure of a job whose source has them."""

from collections.abc import Iterator
from contextlib import contextmanager

from augmentation_worker.failure import SourceInvalid


class Unreadable(ValueError):
    """Bytes of somebody else's cannot be read, or not within the limits.

    Attributes:
        finding: what was found, as a clause that can follow the name of a file.
    """

    def __init__(self, finding: str) -> None:
        self.finding = finding
        super().__init__(finding)


def damaged(dataset: str, finding: str) -> SourceInvalid:
    """The failure of a job whose source is not sound."""
    return SourceInvalid(finding, "repair it or use another revision", f"the dataset {dataset} is damaged: ")


@contextmanager
def explained(dataset: str, path: str) -> Iterator[None]:
    """Turn Unreadable inside into a failure that names the file of the dataset. Raises WorkerFailure."""
    try:
        yield
    except Unreadable as error:
        raise damaged(dataset, f"{path} {error.finding}") from error
