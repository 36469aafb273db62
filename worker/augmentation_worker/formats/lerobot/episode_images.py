"""One episode of the cameras that store images: each decoded once, augmented and encoded as many times as there are
copies, by the pipelines that frames of videos go through."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmentation_worker.formats.lerobot.image_cells import UnusableImage, image_contents
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.media.cores import usable_cores
from augmentation_worker.media.device import AugmentDevice, augment_on
from augmentation_worker.media.image_statistics import ImageStatistics, ImageStatisticsCollector
from augmentation_worker.media.images.codec import DecodedImage, decode_image, encode_image, luma
from augmentation_worker.media.images.decoder import ImageEncoding
from augmentation_worker.media.images.header import ImageInvalid
from augmentation_worker.media.images.labels import move_labels, upright_size
from augmentation_worker.media.pixel_hash import PixelHash
from augmentation_worker.media.stage_clock import Stage, StageClock
from augmentation_worker.transforms.geometric_transform import Geometry
from augmentation_worker.transforms.pipeline import EpisodeTransform

BATCH_BYTES, MOST_BATCH_ROWS = 16 * 2**20, 64
"""A batch is as many frames as fit, decoded, into BATCH_BYTES, and no more than MOST_BATCH_ROWS."""
Size = tuple[int, int]
"""Height and width, pixels."""


@dataclass(frozen=True)
class CopyImages:
    """What one copy became, as one camera sees it.

    Attributes:
        frames: number of images.
        statistics: of the augmented pixels before encoding.
        pixel_hash: of those, as uint8 [frames, 3, H, W] in C order: what a video of the same frames would have.
    """

    frames: int
    statistics: ImageStatistics
    pixel_hash: str


@dataclass(frozen=True)
class LabelStream:
    """A stream of masks or depths that moves with a camera.

    Attributes:
        stream: as info.json describes it.
        size: height and width of the camera's frames.
        geometry: of each copy, what its camera's frames go through; None where they stay.
    """

    stream: Camera
    size: tuple[int, int]
    geometry: Sequence[Geometry | None]

    def moved(self, contents: Sequence[bytes], copy: int, first_frame: int, threads: ThreadPoolExecutor) -> list[bytes]:
        """Images from the frame with this number on, as they are in a copy. Raises UnusableImage."""
        geometry = self.geometry[copy]
        if geometry is None:
            return list(contents)

        def moved(frame: int, content: bytes) -> bytes:
            try:
                height, width = upright_size(content)
                if height * self.size[1] != width * self.size[0]:
                    raise ImageInvalid(
                        f"has {width}x{height} pixels, which is not the shape of its camera's frames "
                        f"({self.size[1]}x{self.size[0]})"
                    )
                return move_labels(content, geometry, frame)
            except ImageInvalid as error:
                raise UnusableImage(self.stream.key, frame, f"the image {error.finding}") from error

        return list(threads.map(moved, range(first_frame, first_frame + len(contents)), contents))


class EpisodeImages:
    """Makes the rows of all copies of an episode, by threads that end with `close`.

    Args:
        cameras: those to augment, with the size of the episode's frames (height and width, pixels).
        pipelines: by camera, one for each copy.
        frames: length of the episode.
        device: where to augment.
        on_frames: called with the number of images that were made since the last call; what it raises stops the work.
        labels: streams that move with a camera.
        stages: counts the seconds of each stage.
    """

    def __init__(
        self,
        cameras: Mapping[Camera, Size],
        pipelines: Mapping[str, Sequence[EpisodeTransform]],
        frames: int,
        device: AugmentDevice,
        on_frames: Callable[[int], None],
        labels: Sequence[LabelStream] = (),
        stages: StageClock | None = None,
    ) -> None:
        self._cameras = cameras
        self._stages = stages or StageClock()
        self._labels = labels
        self._copies = {
            camera.key: [_Copy(pipeline, frames, device) for pipeline in pipelines[camera.key]] for camera in cameras
        }
        self._on_frames = on_frames
        self._threads = ThreadPoolExecutor(usable_cores(), "images")

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(cancel_futures=True)

    def __call__(self, rows: pa.Table, first_frame: int) -> list[pa.Table]:
        """Some rows, from the frame with this number on, as those of each copy. To be called in order.

        Raises:
            UnusableImage: an image cannot be decoded, or is of another size than the episode's first.
        """
        tables: list[pa.Table] = []
        for camera in self._cameras:
            copies = self._copies[camera.key]
            tables = tables or [rows] * len(copies)
            images = self._decoded(rows, camera, first_frame)
            frames = np.stack([image.pixels for image in images])
            encodings = [image.encoding for image in images]
            grey = np.array([encoding.grey for encoding in encodings])
            made = self._threads.map(self._made, copies, repeat(frames), repeat(grey), repeat(first_frame))
            for place, pixels in enumerate(list(made)):
                contents = list(self._threads.map(self._encoded, pixels, encodings))
                tables[place] = _with_images(tables[place], camera.key, contents)
            self._on_frames(len(frames) * len(copies))
        for label in self._labels:
            key = label.stream.key
            moving = image_contents(rows, key, first_frame)
            tables = tables or [rows] * len(label.geometry)
            tables = [
                _with_images(table, key, label.moved(moving, place, first_frame, self._threads))
                for place, table in enumerate(tables)
            ]
        return tables

    def results(self, camera: str) -> list[CopyImages]:
        """What became of each copy, after all rows."""
        return [copy.result() for copy in self._copies[camera]]

    def _decoded(self, rows: pa.Table, camera: Camera, first_frame: int) -> list[DecodedImage]:
        contents = image_contents(rows, camera.key, first_frame)

        def decoded(frame: int, content: bytes) -> DecodedImage:
            with self._stages.measure(Stage.DECODE):
                return decode_image_of(camera, frame, content, self._cameras[camera])

        return list(self._threads.map(decoded, range(first_frame, first_frame + len(contents)), contents))

    def _made(
        self, copy: "_Copy", frames: NDArray[np.uint8], grey: NDArray[np.bool_], first_frame: int
    ) -> NDArray[np.uint8]:
        with self._stages.measure(Stage.TRANSFORM):
            return copy.make(frames, grey, first_frame)

    def _encoded(self, pixels: NDArray[np.uint8], encoding: ImageEncoding) -> bytes:
        with self._stages.measure(Stage.ENCODE):
            return encode_image(pixels, encoding)


class _Copy:
    """One copy as one camera sees it, batch after batch."""

    def __init__(self, pipeline: EpisodeTransform, frames: int, device: AugmentDevice) -> None:
        self._pipeline = pipeline
        self._device = device
        self._frames = frames
        self._hash = PixelHash()
        self._statistics = ImageStatisticsCollector(frames)

    def make(self, frames: NDArray[np.uint8], grey: NDArray[np.bool_], first_frame: int) -> NDArray[np.uint8]:
        augmented = augment_on(self._device, self._pipeline, frames, first_frame)
        self._hash.update(augmented)
        if grey.any():  # statistics are of what is stored
            augmented[grey] = luma(augmented[grey])
        self._statistics.add(augmented, first_frame)
        return augmented

    def result(self) -> CopyImages:
        return CopyImages(self._frames, self._statistics.result(), self._hash.hexdigest())


def batch_rows(sizes: Iterable[Size]) -> int:
    """Rows to be made at a time, whose frames have these sizes."""
    largest = max(3 * height * width for height, width in sizes)
    return max(1, min(MOST_BATCH_ROWS, BATCH_BYTES // largest))


def decode_image_of(camera: Camera, frame: int, content: bytes, size: Size | None = None) -> DecodedImage:
    """Decode a camera's image, which has to have this size if one is passed. Raises UnusableImage."""
    try:
        image = decode_image(content)
    except ImageInvalid as error:
        raise UnusableImage(camera.key, frame, f"the image {error.finding}") from error
    height, width = image.pixels.shape[1:]
    if size is not None and (height, width) != size:
        finding = f"the image has {width}x{height} pixels, the episode's first {size[1]}x{size[0]}"
        raise UnusableImage(camera.key, frame, finding)
    return image


def _with_images(rows: pa.Table, camera: str, contents: Sequence[bytes]) -> pa.Table:
    """The rows with other bytes in a camera's column; whatever else it says of an image stays."""
    position = rows.schema.get_field_index(camera)
    field = rows.schema.field(position)
    column = rows.column(position).combine_chunks()
    children = {child.name: column.field(child.name) for child in field.type}
    children["bytes"] = pa.array(contents, type=field.type.field("bytes").type)
    images = pa.StructArray.from_arrays(list(children.values()), fields=list(field.type))
    return rows.set_column(position, field, images)
