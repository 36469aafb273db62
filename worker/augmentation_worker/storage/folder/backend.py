"""Folders as a storage of jobs: those of mounted volumes, and those that a run on this machine names."""

from pathlib import Path
from typing import Final

from pydantic import Field
from typing_extensions import override

from augmentation_api import FailureReason, worker_contract
from augmentation_api.spec import VolumeSource
from augmentation_api.status import SourceStatus
from augmentation_api.worker_contract import output_volume
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.settings import WorkerSettings
from augmentation_worker.storage.folder.output import FolderOutput, is_result_of, previous_of
from augmentation_worker.storage.folder.source import FolderSource
from augmentation_worker.storage.port import SourceDataset, StorageBackend, StorageContext

ENV_FOLLOW_LINKS: Final = "AUGMENTATION_FOLLOW_LINKS"
"""One more folder that the source's links may lead into, in a run without a cluster."""


class FolderSettings(WorkerSettings):
    """A pod's folders.

    Attributes:
        source, output: where the dataset lies and the result goes; None: elsewhere.
        follow_links: one more folder that links in `source` may lead into; None: none.
    """

    source: Path | None = Field(None, validation_alias=worker_contract.ENV_SOURCE_FOLDER)
    output: Path | None = Field(None, validation_alias=worker_contract.ENV_OUTPUT_FOLDER)
    follow_links: Path | None = Field(None, validation_alias=ENV_FOLLOW_LINKS)


class FolderBackend(StorageBackend):
    """Datasets in folders: spec.source.volume, spec.output.volume, and whatever folders the pod's environment names."""

    def __init__(self, context: StorageContext) -> None:
        self._conventions = context.conventions
        self._uid = context.job.metadata.uid
        self._settings = FolderSettings.from_environment(context.environment)
        self._source_volume = context.job.spec.source.volume
        self._output_volume = output_volume(context.job.spec, self._uid)

    @override
    def has_source(self) -> bool:
        return self._settings.source is not None or self._source_volume is not None

    @override
    def has_output(self) -> bool:
        return self._settings.output is not None or self._output_volume is not None

    @override
    def find_source(self) -> FolderSource:
        folder = _mounted(self._settings.source, "spec.source.volume")
        name, previous = _name_of(self._source_volume, folder), previous_of(folder, self._uid)
        if previous.is_dir() and (not folder.exists() or is_result_of(folder, self._uid)):
            folder = previous  # the result has taken its place
        path = self._source_volume.path if self._source_volume is not None else None
        return FolderSource(folder, name, self._settings.follow_links, self._conventions, path)

    @override
    def open_source(self, pinned: SourceStatus) -> FolderSource:
        source = self.find_source()
        if source.revision != pinned.revision:
            raise WorkerFailure(
                FailureReason.SOURCE_INVALID,
                f"the dataset in {source.name} has changed since the job was resolved: create the job again",
            )
        return source

    @override
    def new_output(self, source: SourceDataset) -> FolderOutput:
        return self._output()

    @override
    def open_output(self, dataset: str) -> FolderOutput:
        return self._output()

    def _output(self) -> FolderOutput:
        folder = _mounted(self._settings.output, "spec.output.volume")
        name = _name_of(self._output_volume, folder)
        return FolderOutput(folder, name, self._uid, self._settings.follow_links, self._conventions)


def _name_of(volume: VolumeSource | None, folder: Path) -> str:
    return f"{volume.claim_name}:{volume.path}" if volume is not None else str(folder)


def _mounted(folder: Path | None, field: str) -> Path:
    if folder is None:
        raise WorkerFailure(
            FailureReason.INTERNAL_ERROR,
            f"{field}: the pod has no such volume (is the operator older than the worker?)",
        )
    return folder
