"""The source's video files as their headers describe them: no more is fetched than those."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from augmentation_api.video_output import VideoOutput
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import SourceInvalid
from augmentation_worker.formats.bad_episodes import LEAVE_OUT
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.properties import VideoProperties, probe_video
from augmentation_worker.media.video.segment import last_frame_time

_MOST_TRIED = 8
"""Files of a camera of which one has to have a header that can be read."""


class SourceVideos:
    """Headers of the source's video files, each read once.

    Args:
        metadata: of the source.
        open_partly: opens one of its files so that only what is read is fetched.
    """

    def __init__(self, metadata: DatasetMetadata, open_partly: Callable[[DatasetPath], BinaryIO]) -> None:
        self._metadata = metadata
        self._open_partly = open_partly
        self._known: dict[DatasetPath, VideoProperties | VideoInvalid] = {}

    def path(self, episode: Episode, camera: Camera) -> DatasetPath:
        """The file that an episode's frames lie in."""
        return self._metadata.info.video_file(camera.key, episode.videos[camera.key].file)

    def properties(self, episode: Episode, camera: Camera) -> VideoProperties:
        """What the file of an episode says about itself. Raises VideoInvalid."""
        path = self.path(episode, camera)
        if path not in self._known:
            try:
                with self._open_partly(path) as content:
                    self._known[path] = probe_video(Path(path), content)
            except VideoInvalid as error:
                self._known[path] = error
        known = self._known[path]
        if isinstance(known, VideoInvalid):
            raise known
        return known

    def example(self, episodes: Iterable[Episode], camera: Camera) -> tuple[Episode, VideoProperties]:
        """The first of some episodes whose file has a header that can be read, and what that says.

        All copies of a camera are encoded alike, by this one: info.json has one entry per camera, and LeRobot joins
        videos without a look at each. Every pod finds the same one.

        Raises:
            SourceInvalid: for the first episode, if none of the first files can be read.
        """
        first: SourceInvalid | None = None
        tried: set[DatasetPath] = set()
        for episode in episodes:
            path = self.path(episode, camera)
            if path in tried:
                continue
            tried.add(path)
            try:
                return episode, self.properties(episode, camera)
            except VideoInvalid as error:
                first = first or unusable_video(self._metadata, episode, camera, error)
            if len(tried) == _MOST_TRIED:
                break
        if first is None:
            raise ValueError(f"no episode was passed to find the videos of {camera.key}")
        raise first

    def check_length(self, episode: Episode, camera: Camera) -> None:
        """Check that a file holds an episode's last frame, as far as its header lists frames: Matroska's does not.

        Raises:
            VideoInvalid: it does not, or has no header that can be read.
        """
        properties = self.properties(episode, camera)
        rate = self._metadata.info.frame_rate
        end = first_frame(self._metadata, episode, camera) + episode.length
        if not 0 < properties.frames < end:
            return
        path = self.path(episode, camera)
        with self._open_partly(path) as content:  # a fragmented file lists its first frames only
            last = last_frame_time(Path(path), content)
        found = round(last * rate) + 1
        if found < end:
            raise VideoInvalid(
                Path(path),
                f"is missing: the video ends there, after {float(found / rate):.3f} s, and the episode's "
                f"{episode.length} rows need frame {end - 1}",
                frame=found,
            )


def first_frame(metadata: DatasetMetadata, episode: Episode, camera: Camera) -> int:
    """Index in its file of an episode's first frame."""
    return round(episode.videos[camera.key].from_timestamp * metadata.info.fps)


def recorded_encoding(
    metadata: DatasetMetadata, camera: Camera, properties: VideoProperties, output: VideoOutput
) -> VideoEncoding:
    """How the copies of a camera are encoded: like the source, but for what the job's spec asks for.

    Raises:
        ValueError: the spec asks for what the codec does not have, or frames of this size cannot be encoded.
    """
    encoding = VideoEncoding.like_source(said_of_videos(metadata, camera), properties).overridden_by(output)
    encoding.check_size(properties.width, properties.height)
    return encoding


def said_of_videos(metadata: DatasetMetadata, camera: Camera) -> Mapping[str, object]:
    """What info.json says of a camera's videos."""
    feature = metadata.info.features[camera.key]
    return {**(feature.video_info or {}), **(feature.info or {})}


def unusable_video(metadata: DatasetMetadata, episode: Episode, camera: Camera, error: VideoInvalid) -> SourceInvalid:
    """A source video that is not what the metadata says, in words."""
    path = metadata.info.video_file(camera.key, episode.videos[camera.key].file)
    place = "" if error.frame is None else f"frame {error.frame} of "
    return SourceInvalid(
        f"episode {episode.index}, camera {camera.key}, {path}: {place}the file {error.finding}", LEAVE_OUT
    )
