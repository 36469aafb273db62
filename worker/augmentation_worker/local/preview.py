"""What a job will do, in a picture, before anything is run."""

from pathlib import Path

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_worker.dataset.plan import make_plan
from augmentation_worker.dataset.supported import check_cameras, check_spec
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.pictures.before_and_after import before_and_after
from augmentation_worker.storage.folder_source import FolderSource
from augmentation_worker.storage.source import load_metadata
from augmentation_worker.video import VideoInvalid


def draw_preview(spec: AugmentationJobSpec, source: Path, episode: int | None) -> bytes:
    """A PNG: the middle frame of an episode as each camera saw it, and as the job's versions show it.

    Args:
        spec: the job.
        source: folder of the dataset.
        episode: which of the selected ones; None: the first.

    Raises:
        WorkerFailure: what the job itself would fail of before it starts.
    """
    check_spec(spec)
    folder = FolderSource(source, str(source))
    metadata = load_metadata(folder)
    check_cameras(spec, metadata.info)
    plan = make_plan(metadata, spec, 1)
    chosen = [each for each in plan.episodes if episode in (None, each.source.index)]
    if not chosen:
        wanted = spec.augmentation.episodes if episode is None else f"--episode {episode}"
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"{wanted}: none of the {len(plan.episodes)} episodes that the job selects, of {len(metadata.episodes)}",
        )
    try:
        return before_and_after(metadata, plan, spec.augmentation, chosen[0], folder.open)
    except VideoInvalid as error:
        raise WorkerFailure(FailureReason.SOURCE_INVALID, f"{source}: {error.found}") from error
