"""resolve of an image dataset: everything that can be wrong with a job, found before a GPU is taken."""

from pathlib import Path

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_api.counted import are, counted, do
from augmentation_api.status import MOST_CAMERAS, SourceStatus, StreamStatus
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats import limits
from augmentation_worker.formats.background_images import check_background_images
from augmentation_worker.formats.calibration import check_calibrations
from augmentation_worker.formats.camera_entries import check_camera_entries, warnings_of_entries
from augmentation_worker.formats.geometry import check_followers
from augmentation_worker.formats.images.dataset import ImageDataset, Layout
from augmentation_worker.formats.images.detection import find_image_dataset
from augmentation_worker.formats.images.notices import (
    column_names,
    first_bad_images,
    moving_warnings,
    selected_looks,
    warnings_of,
)
from augmentation_worker.formats.images.plan import BlockPlan
from augmentation_worker.formats.images.planner import make_plan
from augmentation_worker.formats.masks import check_masks, mask_warnings
from augmentation_worker.formats.port import Resolution
from augmentation_worker.formats.splits import check_splits, nothing_selected, splits_status
from augmentation_worker.formats.streams import image_stream, stream_status
from augmentation_worker.storage.port import SourceDataset

_MOST_COLUMNS_LISTED = 20


def resolve(source: SourceDataset, spec: AugmentationJobSpec, scratch: Path, max_frames: int | None) -> Resolution:
    """Check a job, and say what it will do. Raises WorkerFailure."""
    dataset = find_image_dataset(source, scratch)
    plan = checked_plan(spec, dataset, source, max_frames)
    bad = first_bad_images(spec, dataset, plan)
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
            splits=splits_status(dataset.split_rows),
            blocks=len(plan.blocks),
            min_shards=plan.min_shards,
            max_shards=plan.max_shards,
            copies=plan.copies,
            streams=_streams(spec, dataset, plan, source),
        ),
        summary=f"{plan.selected_rows} of {counted(dataset.rows, 'row')} "
        + (f"{are(plan.selected_rows)} replaced by" if plan.in_place else do(plan.selected_rows, "become"))
        + f" {counted(plan.augmented_rows, 'augmented one')} (columns {', '.join(plan.columns)})",
        warnings=(
            *([bad] if bad is not None else []),
            *warnings_of(spec, dataset),
            *warnings_of_entries(spec.augmentation, plan.columns),
            *mask_warnings(spec.augmentation),
            *moving_warnings(spec.augmentation, dataset, plan),
        ),
    )


def _streams(
    spec: AugmentationJobSpec, dataset: ImageDataset, plan: BlockPlan, source: SourceDataset
) -> list[StreamStatus] | None:
    """How the augmented columns are stored, by the first image of each that the job selects."""
    headers = {look.column: look.header for look in reversed(selected_looks(spec, dataset)) if look.header is not None}
    if not all(column in headers for column in plan.columns):
        return None
    size = sum(map(source.size, dataset.data_paths)) // max(1, dataset.rows * len(dataset.columns))
    return stream_status(image_stream(headers[column], size) for column in plan.columns)


def checked_plan(
    spec: AugmentationJobSpec, dataset: ImageDataset, source: SourceDataset, max_frames: int | None
) -> BlockPlan:
    """The plan, for one shard. Raises WorkerFailure, naming the field."""
    if spec.augmentation.tasks is not None:
        raise WorkerFailure(
            FailureReason.SPEC_UNSUPPORTED,
            f"spec.augmentation.tasks: {source.name} is an image dataset, and only episodes of a LeRobot dataset have "
            "tasks: leave the field out",
        )
    if spec.augmentation.where is not None:
        raise WorkerFailure(
            FailureReason.SPEC_UNSUPPORTED,
            f"spec.augmentation.where: {source.name} is an image dataset, of which rows are chosen by "
            "spec.augmentation.episodes and spec.augmentation.splits only: use these",
        )
    check_splits(spec.augmentation, dataset.split_rows)
    _check_columns(spec, dataset)
    plan = make_plan(dataset, spec, 1, source.paths)
    check_camera_entries(spec.augmentation, plan.columns, dataset.columns)
    check_followers(spec.augmentation, plan.columns, dict.fromkeys(dataset.columns))
    check_calibrations(spec.augmentation, plan.columns, dataset.columns, column_names(dataset))
    check_background_images(spec.augmentation, plan.columns, source, dataset.data_paths)
    check_masks(spec.augmentation, plan.columns, dict.fromkeys(dataset.columns))
    if not plan.selected_rows:
        raise nothing_selected(spec.augmentation, "rows", dataset.rows, None)
    limits.check_units(len(plan.blocks))
    limits.check_augmented_frames(plan.augmented_rows, max_frames, "rows", "rows")
    limits.check_result_frames(plan.total_rows)
    return plan


def _check_columns(spec: AugmentationJobSpec, dataset: ImageDataset) -> None:
    known = ", ".join(dataset.columns[:_MOST_COLUMNS_LISTED])
    selected = selected_looks(spec, dataset)
    for name in spec.augmentation.cameras:
        if name not in dataset.columns:
            raise WorkerFailure(
                FailureReason.SELECTION_EMPTY,
                f"spec.augmentation.cameras: the dataset has no column of images {name!r}; it has: {known}",
            )
        looks = [look for look in selected if look.column == name]
        if looks and all(look.finding for look in looks):
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"spec.augmentation.cameras: the images in the column {name} cannot be augmented (that of row "
                f"{looks[0].row} {looks[0].finding}); the dataset has the columns: {known}",
            )
    if not spec.augmentation.cameras and not dataset.photographs:
        if selected and all(look.kind is None for look in selected):
            raise dataset.unusable(selected[0].row, selected[0].column, selected[0].finding or "")
        reasons = "; ".join(f"{name}: {dataset.left[name]}" for name in dataset.columns[:_MOST_COLUMNS_LISTED])
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"no column of the dataset is augmented unless it is named ({reasons}): name those that show photographs "
            "in spec.augmentation.cameras",
        )
