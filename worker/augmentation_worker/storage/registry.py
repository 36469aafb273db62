"""The storage backends, and the one place that picks those of a job's source and output."""

from collections.abc import Callable, Sequence
from typing import NoReturn

from augmentation_api import FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.folder.backend import FolderBackend
from augmentation_worker.storage.hub.backend import HubBackend
from augmentation_worker.storage.object_store.backend import ObjectStoreBackend
from augmentation_worker.storage.port import OutputDataset, SourceDataset, StorageBackend, StorageContext

BACKENDS: Sequence[Callable[[StorageContext], StorageBackend]] = (FolderBackend, ObjectStoreBackend, HubBackend)
"""Every kind of storage. The first that has a job's source reads it; the first that has its output writes it."""


class JobStorage:
    """The source and the output of one job, wherever they are stored. Every method may raise WorkerFailure.

    Making one picks the backends and reads their secrets, so that nothing that is said afterwards holds one.
    """

    def __init__(self, context: StorageContext) -> None:
        self._status = context.job.status
        backends = [backend(context) for backend in BACKENDS]
        self._source = next((backend for backend in backends if backend.has_source()), None) or _unknown("spec.source")
        self._output = next((backend for backend in backends if backend.has_output()), None) or _unknown("spec.output")
        self._source.read_secrets()
        self._output.read_secrets()

    def find_source(self) -> SourceDataset:
        """The source, pinned to what it is now."""
        return self._source.find_source()

    def open_source(self) -> SourceDataset:
        """The source, at the revision that resolve pinned."""
        pinned = self._status.source
        if pinned is None or pinned.revision is None:
            raise _not_resolved("status.source.revision")
        return self._source.open_source(pinned)

    def new_output(self, source: SourceDataset) -> OutputDataset:
        """Where the result is to go, before anything is there."""
        return self._output.new_output(source)

    def open_output(self) -> OutputDataset:
        """The output that resolve prepared."""
        prepared = self._status.output
        if prepared is None or prepared.dataset_id is None:
            raise _not_resolved("status.output.datasetID")
        return self._output.open_output(prepared.dataset_id)


def _unknown(field: str) -> NoReturn:
    raise WorkerFailure(
        FailureReason.SPEC_UNSUPPORTED,
        f"{field} names a storage that this worker does not know: use a newer worker image",
    )


def _not_resolved(field: str) -> WorkerFailure:
    return WorkerFailure(FailureReason.INTERNAL_ERROR, f"{field} is not set: the resolve phase has not run")
