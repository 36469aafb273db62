"""The first image of each camera that stores images in the data files: what kind of image the camera's are.

Not every image is a photograph: a camera may hold labels (palette images, masks of one bit) or depth (16 bits per
channel) although info.json declares three channels. No more is fetched than a data file's footer and its first page.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import BinaryIO

import pyarrow as pa

from augmentation_worker.bounded.parquet_file import open_parquet, rows_of_images
from augmentation_worker.bounded.unreadable import Unreadable
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.media.images.header import ImageHeader, ImageInvalid, read_header

_log = logging.getLogger(__name__)
_PAGE_BUFFER_BYTES = 2**16
_PALETTE = ("P", "PA")


def example_images(
    path: DatasetPath, open_partly: Callable[[DatasetPath], BinaryIO], cameras: Collection[str]
) -> Mapping[str, ImageHeader]:
    """By camera, the header of its first image in a data file.

    A camera is left out where the file or the image cannot be read: who reads all rows says what is wrong there.
    """
    found: dict[str, ImageHeader] = {}
    try:
        with open_partly(path) as content, open_parquet(content, buffer_size=_PAGE_BUFFER_BYTES) as file:
            known = [camera for camera in cameras if camera in file.schema_arrow.names]
            rows_of_images(file, known, 1)
            for batch in file.iter_batches(1, row_groups=[0], columns=known, use_threads=False) if known else ():
                for camera in known:
                    header = _header_of(batch.column(camera))
                    if header is not None:
                        found[camera] = header
                break
    except Unreadable as error:
        _log.info("%s %s: what its images are is not known yet", path, error.finding)
    return found


def why_no_photograph(header: ImageHeader) -> str | None:
    """Why images like this are never augmented, as a phrase after "it is"; None if they can be.

    A palette is no photograph's: LeRobot's loader hands over its indices, one channel, as it does of a mask.
    """
    if header.mode in _PALETTE:
        return "stored as palette images, of which LeRobot reads the indices, as of a mask"
    if header.mode == "1":
        return "stored as images of one bit per pixel, as masks are"
    if header.bits > 8 or header.mode.startswith(("I", "F")):
        return f"stored with {max(header.bits, 16)} bits per channel, as depth maps are"
    return None


def _header_of(column: pa.Array) -> ImageHeader | None:
    if not len(column) or not pa.types.is_struct(column.type) or column.type.get_field_index("bytes") < 0:
        return None
    content = column.field("bytes")[0].as_py()
    try:
        return read_header(content) if isinstance(content, bytes) else None
    except ImageInvalid:
        return None
