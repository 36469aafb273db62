"""resolve of an image dataset: everything that can be wrong with a job, found before a GPU is taken."""

from pathlib import Path

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_api.status import MAX_SHARDS, MOST_CAMERAS, SourceStatus
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats import limits
from augmentation_worker.formats.images.dataset import ImageDataset, Layout
from augmentation_worker.formats.images.detection import find_image_dataset
from augmentation_worker.formats.images.plan import BlockPlan
from augmentation_worker.formats.images.planner import make_plan
from augmentation_worker.formats.port import Resolution
from augmentation_worker.storage.port import SourceDataset

_MOST_COLUMNS_LISTED = 20


def resolve(source: SourceDataset, spec: AugmentationJobSpec, scratch: Path, max_frames: int | None) -> Resolution:
    """Check a job, and say what it will do. Raises WorkerFailure."""
    dataset = find_image_dataset(source, scratch)
    plan = checked_plan(spec, dataset, source, max_frames)
    return Resolution(
        source=SourceStatus(
            repo_id=source.name,
            revision=source.revision,
            format=f"Hugging Face images ({'parquet' if dataset.layout is Layout.PARQUET else 'image folder'})",
            episodes=dataset.rows,
            frames=dataset.rows,
            cameras=list(dataset.columns[:MOST_CAMERAS]),
            selected_episodes=plan.selected_rows,
            selected_frames=plan.selected_rows,
            blocks=len(plan.blocks),
            min_shards=plan.min_shards,
            max_shards=plan.max_shards,
            copies=plan.copies,
        ),
        summary=f"{plan.selected_rows} of {dataset.rows} rows "
        + ("are replaced by" if plan.in_place else "become")
        + f" {plan.augmented_rows} augmented ones (columns {', '.join(plan.columns)})",
    )


def checked_plan(
    spec: AugmentationJobSpec, dataset: ImageDataset, source: SourceDataset, max_frames: int | None
) -> BlockPlan:
    """The plan, for one shard. Raises WorkerFailure, naming the field."""
    _check_columns(spec, dataset)
    plan = make_plan(dataset, spec, 1, source.paths)
    if not plan.selected_rows:
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"spec.augmentation.episodes: {spec.augmentation.episodes!r} selects none of the rows 0 to "
            f"{dataset.rows - 1}",
        )
    most = MAX_SHARDS * plan.most_blocks_per_shard
    if len(plan.blocks) > most:
        raise WorkerFailure(
            FailureReason.LIMIT_EXCEEDED,
            f"the job would write {len(plan.blocks)} files, at least one for each of the {len(dataset.files)} of the "
            f"source, and a job records at most {most}: store the dataset in fewer parquet files",
        )
    limits.check_augmented_frames(plan.augmented_rows, max_frames, "rows", "rows")
    limits.check_result_frames(plan.total_rows)
    return plan


def _check_columns(spec: AugmentationJobSpec, dataset: ImageDataset) -> None:
    known = ", ".join(dataset.colour[:_MOST_COLUMNS_LISTED]) or "none"
    for name in spec.augmentation.cameras:
        if name not in dataset.columns:
            raise WorkerFailure(
                FailureReason.SELECTION_EMPTY,
                f"spec.augmentation.cameras: the dataset has no column of images {name!r}; it has: {known}",
            )
        if name not in dataset.colour:
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"spec.augmentation.cameras: the images in the column {name} have one channel, as depth maps and "
                f"masks have, and are never changed; columns that can be augmented: {known}",
            )
    if not dataset.colour:
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"no column of the dataset has images in colour ({', '.join(dataset.columns)} have one channel): there "
            "is nothing to augment",
        )
