"""What a job will do, in a picture, before anything is run."""

from pathlib import Path
from tempfile import TemporaryDirectory

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.before_and_after import draw_first_row, draw_row
from augmentation_worker.formats.images.detection import find_image_dataset, is_image_dataset
from augmentation_worker.formats.images.resolve import checked_plan
from augmentation_worker.formats.lerobot.before_and_after import before_and_after
from augmentation_worker.formats.lerobot.episode_pictures import UnusablePicture
from augmentation_worker.formats.lerobot.metadata import load_metadata
from augmentation_worker.formats.lerobot.plan import make_plan
from augmentation_worker.formats.lerobot.supported import check_cameras, check_spec
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.storage.folder.source import FolderSource


def draw_preview(
    spec: AugmentationJobSpec, source: Path, episode: int | None, follow_links: Path | None = None
) -> bytes:
    """A PNG: the middle frame of an episode as each camera saw it, and as the job's versions show it.

    Args:
        spec: the job.
        source: folder of the dataset.
        follow_links: one more folder that links in it may lead into.
        episode: which of the selected ones; None: the first.

    Raises:
        WorkerFailure: what the job itself would fail of before it starts.
    """
    check_spec(spec)
    source = source.resolve()
    folder = FolderSource(source, str(source), follow_links.resolve() if follow_links is not None else None)
    if is_image_dataset(folder):
        return _draw_row(spec, folder, episode)
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
    except (VideoInvalid, UnusablePicture) as error:
        raise WorkerFailure(FailureReason.SOURCE_INVALID, f"{source}: {error.found}") from error


def _draw_row(spec: AugmentationJobSpec, folder: FolderSource, row: int | None) -> bytes:
    with TemporaryDirectory() as scratch:
        dataset = find_image_dataset(folder, Path(scratch))
    plan = checked_plan(spec, dataset, folder, None)
    if row is None:
        return draw_first_row(dataset, plan, spec.augmentation, folder)
    if row >= dataset.rows or not spec.augmentation.selects_episode(row):
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"--episode {row}: none of the {plan.selected_rows} rows that the job selects, of {dataset.rows}",
        )
    return draw_row(dataset, plan, spec.augmentation, row, folder)
