"""What every phase works with: its place in the job, the job itself, its source and output, and where to report."""

from dataclasses import dataclass
from pathlib import Path

from augmentation_api import AugmentationJob, FailureReason
from augmentation_api.identifiers import result_name
from augmentation_api.spec import VolumeSource
from augmentation_api.volumes import output_volume
from augmentation_worker.cluster.manifest import ShardManifests
from augmentation_worker.cluster.reporter import Reporter
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.settings import Settings
from augmentation_worker.storage.folder.output import FolderOutput, is_result_of, previous_of
from augmentation_worker.storage.folder.source import FolderSource
from augmentation_worker.storage.hub.client import HubClient
from augmentation_worker.storage.hub.output import HubOutput
from augmentation_worker.storage.hub.source import open_source, pin
from augmentation_worker.storage.port import OutputDataset, SourceDataset


@dataclass(frozen=True)
class Session:
    """One run of one phase.

    Attributes:
        settings: the pod's place.
        job: as it was when the pod started.
        hub: the hub.
        manifests: of the job's shards.
        reporter: takes what is to be said in the status.
    """

    settings: Settings
    job: AugmentationJob
    hub: HubClient
    manifests: ShardManifests
    reporter: Reporter

    def find_source(self) -> SourceDataset:
        """The source, pinned to what it is now."""
        wanted = self.job.spec.source.hub
        if self.settings.source_folder is not None:
            return self._source_folder(self.settings.source_folder)
        if wanted is None:
            raise _no_folder("spec.source.volume")
        commit = pin(self.hub, wanted.repo_id, wanted.revision)
        return open_source(self.hub, wanted.repo_id, commit, self.settings.scratch)

    def open_source(self) -> SourceDataset:
        """The source, at the revision that resolve pinned.

        Raises:
            WorkerFailure: SOURCE_INVALID if it is a folder that has changed since.
        """
        pinned = self.job.status.source
        if pinned is None or pinned.revision is None:
            raise _not_resolved("status.source.revision")
        if self.settings.source_folder is None:
            return open_source(self.hub, pinned.repo_id or "", pinned.revision, self.settings.scratch)
        source = self._source_folder(self.settings.source_folder)
        if source.revision != pinned.revision:
            raise WorkerFailure(
                FailureReason.SOURCE_INVALID,
                f"the dataset in {source.name} has changed since the job was resolved: create the job again",
            )
        return source

    def new_output(self, source: SourceDataset) -> OutputDataset:
        """Where the result is to go, before anything is there."""
        if self.settings.output_folder is not None:
            return self._output_folder(self.settings.output_folder)
        if output_volume(self.job.spec, self.settings.job_uid) is not None:
            raise _no_folder("spec.output.volume")
        named = self.job.spec.output.hub
        owner = self.hub.user()
        wanted = named.repo_id if named is not None else None
        return self._hub_output(wanted or f"{owner}/{result_name(source.name, self.settings.job_uid)}")

    def open_output(self) -> OutputDataset:
        """The output that resolve prepared."""
        if self.settings.output_folder is not None:
            return self._output_folder(self.settings.output_folder)
        output = self.job.status.output
        if output is None or output.dataset_id is None:
            raise _not_resolved("status.output.datasetID")
        return self._hub_output(output.dataset_id)

    def _source_folder(self, folder: Path) -> FolderSource:
        previous = previous_of(folder, self.settings.job_uid)
        if previous.is_dir() and (not folder.exists() or is_result_of(folder, self.settings.job_uid)):
            folder = previous  # the result has taken its place
        name = _name_of(self.job.spec.source.volume, self.settings.source_folder or folder)
        return FolderSource(folder, name, self.settings.follow_links)

    def _output_folder(self, folder: Path) -> FolderOutput:
        uid = self.settings.job_uid
        name = _name_of(output_volume(self.job.spec, uid), folder)
        return FolderOutput(folder, name, uid, self.settings.follow_links)

    def _hub_output(self, dataset: str) -> HubOutput:
        named = self.job.spec.output.hub
        page = f"{self.settings.hub_public_endpoint or self.settings.hub_endpoint}/datasets/{dataset}"
        private = named.private if named is not None else None
        return HubOutput(self.hub, dataset, self.settings.job_uid, page, private)

    @property
    def shard_count(self) -> int:
        """Shards of the augment phase."""
        if self.settings.shard_count is None or self.settings.shard_count < 1:
            raise WorkerFailure(
                FailureReason.INTERNAL_ERROR, "this phase needs the number of shards in its environment"
            )
        return self.settings.shard_count


def _name_of(volume: VolumeSource | None, folder: Path) -> str:
    return f"{volume.claim_name}:{volume.path}" if volume is not None else str(folder)


def _no_folder(field: str) -> WorkerFailure:
    return WorkerFailure(
        FailureReason.INTERNAL_ERROR, f"{field}: the pod has no such volume (is the operator older than the worker?)"
    )


def _not_resolved(field: str) -> WorkerFailure:
    return WorkerFailure(FailureReason.INTERNAL_ERROR, f"{field} is not set: the resolve phase has not run")
