"""resolve of a LeRobot dataset: everything that can be wrong with a job, found in the metadata."""

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_api.status import MAX_SHARDS, MOST_CAMERAS, SourceStatus
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.layout import check_order_of_data_files, planned_paths
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata, load_metadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan
from augmentation_worker.formats.lerobot.planner import make_plan
from augmentation_worker.formats.lerobot.supported import check_cameras, check_encoding
from augmentation_worker.formats.port import Resolution
from augmentation_worker.storage.port import SourceDataset


def resolve(source: SourceDataset, spec: AugmentationJobSpec, max_frames: int | None) -> Resolution:
    """Check a job, and say what it will do. Raises WorkerFailure."""
    metadata = load_metadata(source, whole=False)
    plan = _checked_plan(metadata, spec, max_frames)
    selected = len(plan.episodes)
    frames = sum(episode.source.length for episode in plan.episodes)
    replaced = {*metadata.video_paths, *metadata.data_paths}
    return Resolution(
        source=SourceStatus(
            repo_id=source.name,
            revision=source.revision,
            format=f"LeRobot {metadata.info.codebase_version}",
            episodes=len(metadata.episodes),
            frames=metadata.info.total_frames,
            cameras=[camera.key for camera in metadata.info.cameras[:MOST_CAMERAS]],
            selected_episodes=selected,
            selected_frames=frames,
            min_shards=plan.min_shards,
            max_shards=plan.max_shards,
            copies=plan.copies,
        ),
        summary=f"{selected} of {len(metadata.episodes)} episodes ({frames} frames) "
        + ("are replaced by" if plan.in_place else "become")
        + f" {selected * plan.copies} augmented ones ({frames * plan.copies} frames)",
        overwrites=tuple(
            path for path in planned_paths(plan, metadata) if path in source.paths and path not in replaced
        ),
    )


def _checked_plan(metadata: DatasetMetadata, spec: AugmentationJobSpec, max_frames: int | None) -> EpisodePlan:
    check_cameras(spec, metadata.info)
    check_encoding(spec, metadata.info)
    plan = make_plan(metadata, spec, 1)
    check_order_of_data_files(metadata, plan)
    if not plan.episodes:
        last = len(metadata.episodes) - 1
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"spec.augmentation.episodes: {spec.augmentation.episodes!r} selects none of the episodes 0 to {last}",
        )
    most = MAX_SHARDS * plan.most_episodes_per_shard
    if len(plan.episodes) > most:
        raise WorkerFailure(
            FailureReason.LIMIT_EXCEEDED,
            f"the job would augment {len(plan.episodes)} episodes, and with so many copies and cameras a job records "
            f"at most {most}: make several jobs, each with a part of them (spec.augmentation.episodes)",
        )
    limits.check_augmented_frames(plan.shards[0].augmented_frames, max_frames, "frames", "episodes")
    limits.check_result_frames(plan.total_frames)
    return plan
