"""A session: what every phase works with, from the job itself to where it reports."""

from dataclasses import dataclass, field

from augmentation_api import AugmentationJob, FailureReason
from augmentation_worker.cluster.manifest import ShardManifests
from augmentation_worker.cluster.reporter import Reporter
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.media.stage_clock import StageClock
from augmentation_worker.settings import Settings
from augmentation_worker.storage.port import OutputDataset, SourceDataset
from augmentation_worker.storage.registry import JobStorage
from augmentation_worker.work import Work


@dataclass(frozen=True)
class Session:
    """One run of one phase.

    Attributes:
        settings: the pod's place.
        job: as it was when the pod started.
        storage: the job's source and output.
        manifests: of the job's shards.
        reporter: takes events and results for the status.
        stages: counts the seconds of each stage.
    """

    settings: Settings
    job: AugmentationJob
    storage: JobStorage
    manifests: ShardManifests
    reporter: Reporter
    stages: StageClock = field(default_factory=StageClock)

    def work_on(self, source: SourceDataset, output: OutputDataset) -> Work:
        """The work of a phase that reads this source and writes this output."""
        settings = self.settings
        return Work(
            settings.job_uid,
            self.job.spec,
            source,
            output,
            settings.scratch,
            self.reporter,
            settings.device,
            settings.checkpoint_mb * 2**20,
            self.stages,
        )

    @property
    def shard_count(self) -> int:
        """Shards of the augment phase."""
        if not self.settings.shard_count:
            raise WorkerFailure(
                FailureReason.INTERNAL_ERROR, "this phase needs the number of shards in its environment"
            )
        return self.settings.shard_count
