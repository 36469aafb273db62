"""resolve: pin the source, read its metadata, and find everything that can be wrong before a GPU is taken."""

from augmentation_api import FailureReason
from augmentation_api.status import MAX_SHARDS, MOST_CAMERAS, OutputStatus, SourceStatus
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats import limits
from augmentation_worker.formats.images.detection import is_image_dataset
from augmentation_worker.formats.images.resolve import resolve_images
from augmentation_worker.formats.lerobot.info import DatasetInfo
from augmentation_worker.formats.lerobot.layout import check_order_of_data_files, planned_paths
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata, load_metadata
from augmentation_worker.formats.lerobot.plan import Plan, make_plan, selected_episodes
from augmentation_worker.formats.lerobot.supported import check_cameras, check_encoding, check_spec
from augmentation_worker.phases.prepared_output import prepare_output
from augmentation_worker.phases.session import Session
from augmentation_worker.storage.port import OutputDataset, SourceDataset


def resolve(session: Session) -> None:
    """Run the phase. Raises WorkerFailure."""
    spec = session.job.spec
    check_spec(spec)
    session.reporter.event("started", "Reading the dataset's metadata")
    source = session.storage.find_source()
    try:
        if is_image_dataset(source):
            resolve_images(session, source)
            return
        metadata = load_metadata(source, whole=False)
        plan = _checked_plan(session, metadata)
        output = _prepared_output(session, source, plan, metadata)
    finally:
        source.close()
    chosen = selected_episodes(metadata, spec.augmentation)
    frames = sum(episode.length for episode in chosen)
    session.reporter.found(
        source=SourceStatus(
            repo_id=source.name,
            revision=source.revision,
            format=_format(metadata.info),
            episodes=len(metadata.episodes),
            frames=metadata.info.total_frames,
            cameras=[camera.key for camera in metadata.info.cameras[:MOST_CAMERAS]],
            selected_episodes=len(chosen),
            selected_frames=frames,
            min_shards=plan.min_shards,
            max_shards=plan.max_shards,
            copies=plan.copies,
        ),
        output=OutputStatus(dataset_id=output.name, url=output.page),
    )
    session.reporter.event(
        "completed",
        f"{len(chosen)} of {len(metadata.episodes)} episodes ({frames} frames) "
        + ("are replaced by" if plan.in_place else "become")
        + f" {len(chosen) * plan.copies} augmented ones ({frames * plan.copies} frames); the result goes to "
        + output.name,
    )


def _checked_plan(session: Session, metadata: DatasetMetadata) -> Plan:
    spec = session.job.spec
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
    frames = plan.shards[0].augmented_frames
    limit = session.settings.max_frames
    if limit is not None and frames > limit:
        raise WorkerFailure(
            FailureReason.LIMIT_EXCEEDED,
            f"the job would write {frames} augmented frames, its AugmentationClass allows {limit} (limits.maxFrames): "
            "choose fewer copies (spec.augmentation.copies) or episodes (spec.augmentation.episodes), or another class",
        )
    limits.check_result_frames(plan.total_frames)
    return plan


def _prepared_output(session: Session, source: SourceDataset, plan: Plan, metadata: DatasetMetadata) -> OutputDataset:
    output = session.storage.new_output(source)
    if output.extends(source):
        replaced = {*metadata.video_paths, *metadata.data_paths}
        taken = [path for path in planned_paths(plan, metadata) if path in source.paths and path not in replaced]
        if taken:
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT,
                f"the dataset {output.name} has the file {taken[0]}, which no episode uses and the result would "
                "overwrite: delete it, or publish to another dataset (spec.output.hub.repoID)",
            )
    prepare_output(session, source, output)
    return output


def _format(info: DatasetInfo) -> str:
    return f"LeRobot {info.codebase_version}"
