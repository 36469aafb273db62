"""What every phase works with: its place in the job, the job itself, the hub, and where to report."""

from dataclasses import dataclass

from augmentation_api import AugmentationJob, FailureReason
from augmentation_api.spec import HubSource
from augmentation_worker.cluster.manifest import ShardManifests
from augmentation_worker.cluster.reporter import Reporter
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.hub.client import HubClient
from augmentation_worker.settings import Settings


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

    @property
    def hub_source(self) -> HubSource:
        """The source on the hub; resolve refuses every other kind."""
        if self.job.spec.source.hub is None:
            raise WorkerFailure(FailureReason.SPEC_UNSUPPORTED, "spec.source: supported now: hub")
        return self.job.spec.source.hub

    @property
    def source_revision(self) -> str:
        """The commit that resolve pinned."""
        source = self.job.status.source
        if source is None or source.revision is None:
            raise _not_resolved("status.source.revision")
        return source.revision

    @property
    def output_dataset(self) -> str:
        """The dataset that resolve prepared."""
        output = self.job.status.output
        if output is None or output.dataset_id is None:
            raise _not_resolved("status.output.datasetID")
        return output.dataset_id

    def page_of(self, dataset: str) -> str:
        """The dataset's page on the hub, at the address people use."""
        return f"{self.settings.hub_public_endpoint or self.settings.hub_endpoint}/datasets/{dataset}"

    @property
    def shard_count(self) -> int:
        """Shards of the augment phase."""
        if self.settings.shard_count is None or self.settings.shard_count < 1:
            raise WorkerFailure(
                FailureReason.INTERNAL_ERROR, "this phase needs the number of shards in its environment"
            )
        return self.settings.shard_count


def _not_resolved(field: str) -> WorkerFailure:
    return WorkerFailure(FailureReason.INTERNAL_ERROR, f"{field} is not set: the resolve phase has not run")
