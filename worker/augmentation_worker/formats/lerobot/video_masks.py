"""Masks that are frames of a video: white where a pixel is kept.

A codec with a loss changes values near an edge, and those of a flat area by one or two. What is kept is told by half of
white: that is where a blurred edge between 0 and 255 was. Ids of 1, 2, 3, of which no codec with a loss keeps one, are
refused.
"""

from collections.abc import Iterator
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.image_cells import UnusableImage
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.mask_batches import MaskBatches
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata, OpenFile
from augmentation_worker.formats.lerobot.source_videos import first_frame as first_of
from augmentation_worker.formats.lerobot.source_videos import unusable_video
from augmentation_worker.media.video.colors import ColorConverter
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.segment import VideoSegment, decode_frames

_KEPT: Final = 128
"""Of 255, in any channel."""
_NOISE: Final = 2
"""What a codec makes of black."""


class VideoMasks(MaskBatches):
    """Masks of an episode in a video. Those that are asked for in order are decoded once."""

    def __init__(self, metadata: DatasetMetadata, episode: Episode, stream: Camera, open_file: OpenFile) -> None:
        super().__init__(episode.index, stream.key)
        self._metadata, self._of_episode, self._camera = metadata, episode, stream
        self._path = metadata.info.video_file(stream.key, episode.videos[stream.key].file)
        # Opened in the caller's thread: later it is the threads of the copies that read.
        self._local = open_file(self._path)
        self._converter = ColorConverter()
        self._next, self._frames = -1, iter(list[av.VideoFrame]())
        self._seen = self._brightest = 0

    @override
    def file_of(self, frame: int) -> str:
        return self._path

    @override
    def decode(self, first_frame: int, count: int, height: int, width: int) -> NDArray[np.uint8]:
        try:
            return self._decoded(first_frame, count, height, width)
        except VideoInvalid as error:
            raise unusable_video(self._metadata, self._of_episode, self._camera, error) from error

    def _decoded(self, first_frame: int, count: int, height: int, width: int) -> NDArray[np.uint8]:
        frames = self._frames_from(first_frame)
        masks = np.empty((count, height, width), np.uint8)
        pixels = np.empty((3, height, width), np.uint8)
        for place in range(count):
            frame = next(frames)
            if (frame.height, frame.width) != (height, width):
                finding = f"the mask has {frame.width}x{frame.height} pixels, its camera's {width}x{height}"
                raise UnusableImage(self._stream, first_frame + place, finding)
            self._converter.to_rgb(frame, pixels)
            brightest = pixels.max(0)
            masks[place] = np.where(brightest >= _KEPT, np.uint8(255), np.uint8(0))
            self._check_is_white(first_frame + place, int(brightest.max()))
        self._next = first_frame + count
        return masks

    def _frames_from(self, frame: int) -> Iterator[av.VideoFrame]:
        """The frames from one of the episode on."""
        if frame != self._next:
            begin = first_of(self._metadata, self._of_episode, self._camera) + frame
            rate, length = self._metadata.info.frame_rate, self._of_episode.length - frame
            self._frames = decode_frames(VideoSegment(self._local, begin, length, rate))
        self._next = -1  # until they were decoded
        return self._frames

    def _check_is_white(self, frame: int, brightest: int) -> None:
        """Refuse an episode that keeps nothing although its masks are not black. A frame alone may keep nothing."""
        if frame != self._seen:
            return
        self._seen, self._brightest = self._seen + 1, max(self._brightest, brightest)
        if self._seen == self._of_episode.length and _NOISE < self._brightest < _KEPT:
            finding = (
                f"the brightest value of all masks of the episode is {self._brightest} of 255, and in a video a mask "
                f"is white ({_KEPT} or more) where a pixel is kept, as codecs change values: store masks of ids as PNG "
                "images"
            )
            raise UnusableImage(self._stream, frame, finding)
