"""What resolve finds in the headers of the source's videos: codecs, sizes, lengths.

PyAV is imported here, which takes a quarter of a second: only for a job that augments videos.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_api.counted import counted
from augmentation_api.status import StreamStatus
from augmentation_api.vocabulary import OnBadEpisode
from augmentation_worker.failure import SourceInvalid, WorkerFailure
from augmentation_worker.formats.bad_episodes import LEAVE_OUT
from augmentation_worker.formats.lerobot.camera_check import listed, size_warnings
from augmentation_worker.formats.lerobot.episodes import Episode, EpisodeFiles, Episodes
from augmentation_worker.formats.lerobot.followers import mask_videos
from augmentation_worker.formats.lerobot.info import INFO_PATH, Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, Follower
from augmentation_worker.formats.lerobot.source_videos import (
    SourceVideos,
    recorded_encoding,
    said_of_videos,
    unusable_video,
)
from augmentation_worker.media.video.codecs import CODEC_LIST, DEFAULT_CODEC, canonical_codec, codec_named
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.lossless import LosslessEncoding
from augmentation_worker.media.video.properties import VideoProperties
from augmentation_worker.storage.port import SourceDataset

MOST_FILES = 32
"""Files whose headers are read in resolve: on a hub that takes two or three requests each."""
_MOST_NAMED, _MOST_LISTED = 3, 20
"""Bad episodes that a message describes, and more of which it lists the numbers."""


def check_videos(
    source: SourceDataset, metadata: DatasetMetadata, plan: EpisodePlan, spec: AugmentationJobSpec
) -> "VideoCheck":
    """Check the videos of the augmented cameras, as far as headers tell.

    Raises:
        WorkerFailure: SPEC_UNSUPPORTED for an encoding that no encoder has; SOURCE_INVALID for files that cannot be
            used, with the episodes that lie in them.
    """
    videos = SourceVideos(metadata, source.open_partly)
    found: list[_Found] = []
    for camera in plan.video_cameras:
        _, properties = videos.example(plan.source_episodes, camera)
        found.append(_Found(camera, properties, encoding_of(metadata, camera, properties, spec)))
    for follower in plan.video_followers:
        example, properties = videos.example(plan.source_episodes, follower.stream)
        lossless_encoding_of(metadata, follower.stream, properties)
        if (finding := other_shape(videos, metadata, example, follower)) is not None:
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"spec.augmentation.alsoApplyTo: {follower.stream.key} {finding}: name another stream, or leave it out",
            )
    masks = mask_videos(spec.augmentation, metadata)
    for mask in masks:
        example, properties = videos.example(plan.source_episodes, mask.stream)
        size = camera_size(videos, metadata, example, mask.camera)
        if size is not None and size != (properties.height, properties.width):
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"spec.augmentation.masks.{mask.camera.key}: {mask.stream.key} shows {properties.width}x"
                f"{properties.height} pixels, its camera {size[1]}x{size[0]}: name a mask of the camera's size",
            )
    read = dict.fromkeys([*plan.made_videos, *(mask.stream for mask in masks)])
    bad = _check_files(videos, metadata, plan, [*read], spec.on_bad_episode)
    streams = tuple(_stream(source, metadata, each) for each in found)
    return VideoCheck((*_warnings(metadata, found, spec), *bad), streams)


@dataclass(frozen=True)
class _Found:
    """A camera with what its first file is, and how its copies are written."""

    camera: Camera
    properties: VideoProperties
    encoding: VideoEncoding

    @property
    def key(self) -> str:
        return self.camera.key


@dataclass(frozen=True)
class VideoCheck:
    """What headers tell of the videos of a job.

    Attributes:
        warnings: what their user should know before the job runs, in sentences.
        streams: how each augmented camera is stored, and encoded where the job says nothing of that.
    """

    warnings: tuple[str, ...]
    streams: tuple[StreamStatus, ...]


def _stream(source: SourceDataset, metadata: DatasetMetadata, found: _Found) -> StreamStatus:
    info, properties = metadata.info, found.properties
    files = {info.video_file(found.key, number) for number in metadata.episodes.videos[found.key].files.numbers}
    like_source = VideoEncoding.like_source(said_of_videos(metadata, found.camera), properties)
    return StreamStatus(
        codec=properties.codec,
        height=properties.height,
        width=properties.width,
        bytes_per_frame=sum(map(source.size, files)) // max(1, info.total_frames),
        preset=like_source.preset,
        gop=like_source.gop,
        crf=like_source.crf,
    )


def encoding_of(
    metadata: DatasetMetadata, camera: Camera, properties: VideoProperties, spec: AugmentationJobSpec
) -> VideoEncoding:
    """How a camera's copies are encoded. Raises WorkerFailure(SPEC_UNSUPPORTED), naming the field."""
    try:
        return recorded_encoding(metadata, camera, properties, spec.output.video)
    except ValueError as error:
        raise WorkerFailure(FailureReason.SPEC_UNSUPPORTED, f"camera {camera.key}: {error}") from error


def lossless_encoding_of(metadata: DatasetMetadata, stream: Camera, properties: VideoProperties) -> LosslessEncoding:
    """How a stream that moves with its camera is encoded. Raises WorkerFailure(SPEC_UNSUPPORTED), naming the field."""
    feature = metadata.info.features[stream.key]
    try:
        return LosslessEncoding.like_source({**(feature.video_info or {}), **(feature.info or {})}, properties)
    except ValueError as error:
        raise WorkerFailure(
            FailureReason.SPEC_UNSUPPORTED, f"spec.augmentation.alsoApplyTo: {stream.key} {error}, or leave it out"
        ) from error


def other_shape(videos: SourceVideos, metadata: DatasetMetadata, episode: Episode, follower: Follower) -> str | None:
    """That a stream's frames have not the shape of its camera's, as a clause; None if they have, or it is not known.

    Raises VideoInvalid.
    """
    stream, camera = videos.properties(episode, follower.stream), follower.camera
    size = camera_size(videos, metadata, episode, camera)
    if size is None or stream.height * size[1] == stream.width * size[0]:
        return None
    return (
        f"shows {stream.width}x{stream.height} pixels, which is not the shape of the frames of {camera.key} "
        f"({size[1]}x{size[0]}), with which it moves"
    )


def camera_size(
    videos: SourceVideos, metadata: DatasetMetadata, episode: Episode, camera: Camera
) -> tuple[int, int] | None:
    """Height and width of a camera's frames, as far as headers tell. Raises VideoInvalid."""
    if camera.is_video:
        properties = videos.properties(episode, camera)
        return properties.height, properties.width
    header = metadata.example_images.get(camera.key)
    return None if header is None else (header.height, header.width)


def _warnings(metadata: DatasetMetadata, found: Sequence[_Found], spec: AugmentationJobSpec) -> list[str]:
    """A sentence for each kind of finding, which names the cameras."""

    def said(one: _Found) -> str:
        codec = metadata.info.features[one.key].fact("video.codec")
        return one.properties.codec if codec is None else canonical_codec(str(codec))

    unwritten = [f"{one.key} ({one.properties.codec})" for one in found if codec_named(one.properties.codec) is None]
    misnamed = [
        f"{one.key} ({said(one)}, is {one.properties.codec})" for one in found if said(one) != one.properties.codec
    ]
    deep = [
        f"{one.key} ({one.properties.bits} bits, stored as {one.encoding.pix_fmt})"
        for one in found
        if one.properties.bits > 8
    ]
    optioned = [one.key for one in found if metadata.info.features[one.key].fact("video.extra_options")]
    audible = [one.key for one in found if one.properties.has_audio]
    warnings = {
        f"Videos in a codec that is not written become {DEFAULT_CODEC.name} in augmented copies "
        f"(spec.output.video.codec may be {CODEC_LIST})": unwritten if spec.output.video.named_codec is None else [],
        f"{INFO_PATH} names another codec than the files have; the result names that of its augmented videos": misnamed,
        "Encoder options of the source that augmented copies are written without (video.extra_options)": optioned,
        "Videos of more than 8 bits per channel are augmented with 8": deep,
        "Videos with sound, which augmented copies do not have": audible,
    }
    sizes = size_warnings((one.camera, one.properties.height, one.properties.width) for one in found)
    return [f"{sentence}: {listed(cameras)}" for sentence, cameras in warnings.items() if cameras] + sizes


def _check_files(
    videos: SourceVideos,
    metadata: DatasetMetadata,
    plan: EpisodePlan,
    cameras: Sequence[Camera],
    on_bad_episode: OnBadEpisode,
) -> list[str]:
    """Check that files hold the frames of all episodes in them; says where a camera's files have several codecs."""
    bad: dict[int, SourceInvalid] = {}
    codecs: dict[str, set[str]] = {}
    for camera, episodes in chosen_files(plan, cameras):
        for episode in episodes:
            try:
                codecs.setdefault(camera.key, set()).add(videos.properties(episode, camera).codec)
                videos.check_length(episode, camera)
            except VideoInvalid as error:
                bad.setdefault(episode.index, unusable_video(metadata, episode, camera, error))
    mixed = [f"{key} ({' and '.join(sorted(names))})" for key, names in codecs.items() if len(names) > 1]
    warnings = (
        [f"Cameras with files in several codecs, whose augmented copies get one: {listed(mixed)}"] if mixed else []
    )
    if not bad:
        return warnings
    causes = "; ".join(bad[index].finding for index in sorted(bad)[:_MOST_NAMED])
    if len(bad) > _MOST_NAMED:
        causes += f"; and {counted(len(bad) - _MOST_NAMED, 'more episode')} ({_first(sorted(bad)[_MOST_NAMED:])})"
    if on_bad_episode is OnBadEpisode.SKIP and len(bad) < len(plan.source_episodes):
        return [*warnings, f"Episodes that cannot be used are left out (spec.onBadEpisode): {causes}"]
    raise SourceInvalid(causes, f"{LEAVE_OUT}; spec.onBadEpisode: skip leaves out all that cannot be used")


def _first(indices: Sequence[int]) -> str:
    return ", ".join(map(str, indices[:_MOST_LISTED])) + (", …" if len(indices) > _MOST_LISTED else "")


def chosen_files(plan: EpisodePlan, cameras: Sequence[Camera]) -> Iterator[tuple[Camera, Episodes]]:
    """Files with the selected episodes in them: all, or as many as MOST_FILES, evenly spread."""
    episodes = plan.source_episodes
    firsts = [_first_episodes(episodes.videos[camera.key].files) for camera in cameras]
    begin, step = 0, max(1, -(-sum(map(len, firsts)) // MOST_FILES))
    for camera, of_camera in zip(cameras, firsts, strict=True):
        keys = episodes.videos[camera.key].files.keys
        for first in of_camera[-begin % step :: step].tolist():
            yield camera, episodes.part(np.flatnonzero(keys == keys[first]))
        begin += len(of_camera)


def _first_episodes(files: EpisodeFiles) -> npt.NDArray[np.intp]:
    """The place of the first episode of each file, rising."""
    return np.sort(np.unique(files.keys, return_index=True)[1])
