"""resolve of a LeRobot dataset: everything that can be wrong with a job, found in the metadata and in
headers of files.

Torch is not imported here: resolve has to start fast.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from augmentation_api import AugmentationJobSpec
from augmentation_api.augmentation_class import DEFAULT_CHECKPOINT_BYTES
from augmentation_api.counted import are, counted, do
from augmentation_api.status import MOST_CAMERAS, SourceStatus
from augmentation_api.vocabulary import OnBadEpisode
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats import limits
from augmentation_worker.formats.camera_entries import warnings_of_entries
from augmentation_worker.formats.lerobot.camera_check import camera_warnings, check_cameras
from augmentation_worker.formats.lerobot.carried_files import (
    carried_files,
    describe_folders,
    warnings_of_files_left,
)
from augmentation_worker.formats.lerobot.episodes import Episodes
from augmentation_worker.formats.lerobot.file_check import check_empty_videos, check_footers, check_pointers
from augmentation_worker.formats.lerobot.followers import (
    check_camera_calibrations,
    check_camera_masks,
    check_mask_folders,
    check_streams,
    mask_videos,
    moving_warnings,
)
from augmentation_worker.formats.lerobot.format_version import FileNumber, number_of_episode
from augmentation_worker.formats.lerobot.image_streams import image_streams
from augmentation_worker.formats.lerobot.instruction_choice import instructions_of
from augmentation_worker.formats.lerobot.layout import NewNumbers
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata, load_metadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, RowsMade
from augmentation_worker.formats.lerobot.planner import (
    LARGEST_SORTABLE_CHUNK,
    check_order_of_data_files,
    make_plan,
    selected_episodes,
)
from augmentation_worker.formats.lerobot.rows_inspection import inspect_rows
from augmentation_worker.formats.lerobot.split_ranges import split_warnings, unread_splits
from augmentation_worker.formats.masks import mask_warnings
from augmentation_worker.formats.port import Resolution
from augmentation_worker.formats.splits import (
    check_splits,
    evaluation_warning,
    nothing_selected,
    selection_status,
    splits_status,
)
from augmentation_worker.formats.streams import stream_status
from augmentation_worker.formats.where_choice import FIELD
from augmentation_worker.storage.port import SourceDataset


def resolve(
    source: SourceDataset,
    spec: AugmentationJobSpec,
    max_frames: int | None,
    checkpoint_bytes: int = DEFAULT_CHECKPOINT_BYTES,
) -> Resolution:
    """Check a job, and say what it will do. Raises WorkerFailure."""
    check_pointers(source)
    metadata = load_metadata(source, where=spec.augmentation.where)
    check_footers(source, metadata.data_paths)
    plan = _checked_plan(metadata, spec, source, max_frames, checkpoint_bytes)
    selected = selected_episodes(metadata, spec.augmentation)
    leave_out = spec.on_bad_episode is OnBadEpisode.SKIP
    if not leave_out:
        check_empty_videos(source, _source_videos(plan, selected, metadata))
    warnings = [
        *metadata.corrections,
        *_split_warnings(metadata, plan, spec),
        *warnings_of_entries(spec.augmentation, [camera.key for camera in plan.cameras]),
        *mask_warnings(spec.augmentation),
        *check_mask_folders(spec.augmentation, metadata, selected, source, leave_out=leave_out),
        *moving_warnings(spec.augmentation, metadata),
        *inspect_rows(metadata, selected, source, leave_out=leave_out),
        *(plan.instructions.warnings if plan.instructions else ()),
        *camera_warnings(spec, metadata),
    ]
    streams = [*image_streams(plan.image_cameras, metadata, source)]
    if plan.made_videos or mask_videos(spec.augmentation, metadata):
        from augmentation_worker.formats.lerobot.video_check import check_videos  # noqa: PLC0415 (PyAV)

        check = check_videos(source, metadata, plan, spec)
        warnings += check.warnings
        streams += check.streams
    frames = selected.frames
    return Resolution(
        source=SourceStatus(
            repo_id=source.name,
            revision=source.revision,
            format=f"LeRobot {metadata.info.codebase_version}",
            episodes=len(metadata.episodes),
            frames=metadata.info.total_frames,
            cameras=[camera.key for camera in metadata.info.cameras[:MOST_CAMERAS]],
            selected_episodes=len(selected),
            selected_frames=frames,
            min_shards=plan.min_shards,
            max_shards=plan.max_shards,
            copies=plan.copies,
            selected=selection_status(spec.augmentation, plan.selected),
            splits=splits_status(metadata.info.split_episodes),
            streams=stream_status(streams) if len(streams) == len(plan.cameras) else None,
        ),
        summary=f"{len(selected)} of {counted(len(metadata.episodes), 'episode')} ({counted(frames, 'frame')}) "
        + ("" if spec.augmentation.where is None else f"{do(len(selected), 'fulfil')} {FIELD} and ")
        + (f"{are(len(selected))} replaced by" if plan.in_place else do(len(selected), "become"))
        + f" {counted(len(selected) * plan.copies, 'augmented one')} ({counted(frames * plan.copies, 'frame')})"
        + describe_folders(source, carried_files(metadata, plan, source.paths)),
        overwrites=tuple(_overwritten(plan, metadata, source)),
        warnings=(*warnings, *warnings_of_files_left(metadata, source)),
    )


def _split_warnings(metadata: DatasetMetadata, plan: EpisodePlan, spec: AugmentationJobSpec) -> Iterator[str]:
    warning = evaluation_warning(spec.augmentation, plan.selected, metadata.info.split_episodes)
    if warning is not None:
        yield warning
    if plan.splits is not None:
        yield from split_warnings(metadata.info.splits, plan.splits)


def _source_videos(plan: EpisodePlan, selected: Episodes, metadata: DatasetMetadata) -> set[DatasetPath]:
    """Paths of the videos that augmented episodes are made from."""
    return {
        metadata.info.video_file(camera.key, number)
        for camera in plan.made_videos
        for number in selected.videos[camera.key].files.numbers
    }


def _overwritten(plan: EpisodePlan, metadata: DatasetMetadata, source: SourceDataset) -> list[DatasetPath]:
    """Files of the source that no episode uses, under paths that new files may have, however many shards there are."""
    used = {*metadata.video_paths, *metadata.data_paths}
    may_be_new = NewPaths(plan, metadata)
    return sorted(path for path in source.paths if path not in used and path in may_be_new)


class NewPaths:
    """The paths that augmented videos, and rows that are units of their own, may have: more than there will be."""

    def __init__(self, plan: EpisodePlan, metadata: DatasetMetadata) -> None:
        self._plan, self._metadata, self._info = plan, metadata, metadata.info

    def __contains__(self, path: DatasetPath) -> bool:
        info = self._info
        if path.startswith("data/"):
            number = info.data_file_number(path) if self._plan.rows_made is RowsMade.WITH_EPISODE else None
            return number is not None and (number in self._data_numbers or self._is_new_data(number))
        if path.startswith("videos/"):
            numbers = ((camera.key, info.video_file_number(camera.key, path)) for camera in self._plan.made_videos)
            return any(number is not None and self._is_new_video(camera, number) for camera, number in numbers)
        return False

    def _is_new_video(self, camera: str, number: FileNumber) -> bool:
        episodes = self._plan.source_episodes
        if not self._info.version.has_file_per_episode:
            new = NewNumbers(max(self._metadata.video_numbers(camera)), self._info.chunks_size)
            place = new.place_of(number)
            return place is not None and place < 2 * len(episodes)  # a file for each, and a spare one
        if number != number_of_episode(number.file, self._info.chunks_size):
            return False
        if self._plan.in_place:
            return bool(np.isin(number.file, episodes.indices))
        return len(self._metadata.episodes) <= number.file < self._plan.total_episodes

    def _is_new_data(self, number: FileNumber) -> bool:
        if self._info.version.has_file_per_episode:
            return False
        new = NewNumbers(max(self._plan.data_numbers), min(self._info.chunks_size, LARGEST_SORTABLE_CHUNK))
        place = new.place_of(number)
        return place is not None and place < len(self._plan.source_episodes)

    @cached_property
    def _data_numbers(self) -> frozenset[FileNumber]:
        return frozenset(self._plan.data_numbers)


def _checked_plan(
    metadata: DatasetMetadata,
    spec: AugmentationJobSpec,
    source: SourceDataset,
    max_frames: int | None,
    checkpoint_bytes: int,
) -> EpisodePlan:
    check_cameras(spec, metadata)
    check_streams(spec.augmentation, metadata)
    check_camera_masks(spec.augmentation, metadata, source)
    check_camera_calibrations(spec.augmentation, metadata)
    check_splits(spec.augmentation, metadata.info.split_episodes, unread_splits(metadata.info.splits))
    if not selected_episodes(metadata, spec.augmentation):
        raise nothing_selected(spec.augmentation, "episodes", len(metadata.episodes), metadata.chosen)
    instructions = instructions_of(metadata, spec, source)
    plan = make_plan(
        metadata, spec, 1, size_of=source.size, checkpoint_bytes=checkpoint_bytes, instructions=instructions
    )
    check_order_of_data_files(metadata, plan)
    limits.check_units(plan.unit_count)
    limits.check_augmented_frames(plan.augmented_frames, max_frames, "frames", "episodes")
    limits.check_result_frames(plan.total_frames)
    return plan
