"""Images of labels or depths that move with their camera: no value is mixed with another, or lost in storage."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from augmentation_worker.media.images.codec import PNG_COMPRESS_LEVEL
from augmentation_worker.media.images.header import ImageFormat, ImageInvalid, opened, read_header
from augmentation_worker.transforms.geometric_transform import Geometry

_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_TURNED = (5, 6, 7, 8)
"""EXIF orientations of images that are stored on their side."""
_ORIENTATION = 0x0112


def upright_size(content: bytes) -> tuple[int, int]:
    """Height and width of an image as readers show it. Raises ImageInvalid."""
    with opened(content) as image:
        width, height = image.size
        return (width, height) if image.getexif().get(_ORIENTATION) in _TURNED else (height, width)


def move_labels(content: bytes, geometry: Geometry, frame: int) -> bytes:
    """A PNG as it is after its camera's frame was moved; palette, bits and transparency stay.

    Args:
        content: of 1, 8 or 16 bits, a palette, grey or colours.
        geometry: what its camera's frames go through.
        frame: index in the episode.

    Raises:
        ImageInvalid: it is damaged, too large, no PNG, or an animation.
    """
    header = read_header(content)
    if header.format is not ImageFormat.PNG:
        raise ImageInvalid(f"is {header.format}: what moves with its camera has to be PNG, which loses no label")
    if header.bits > 8 and header.mode not in _SIXTEEN_BIT_MODES:
        raise ImageInvalid(f"has {header.bits} bits per channel and colours, of which 8 bits would be lost")
    header.check_size()
    with opened(content) as image:
        upright = ImageOps.exif_transpose(image)
        options: dict[str, Any] = {
            name: upright.info[name] for name in ("transparency", "icc_profile", "gamma") if name in upright.info
        }
        values = np.array(upright)
        moved = _moved(values, geometry, frame)
        result = _image(moved, upright)
    stored = BytesIO()
    result.save(stored, format="PNG", compress_level=PNG_COMPRESS_LEVEL, **options)
    with opened(stored.getvalue()) as written:
        if written.mode != upright.mode or not np.array_equal(np.array(written), moved):
            raise ImageInvalid(f"of the kind {upright.mode} cannot be written without a loss")
    return stored.getvalue()


def _moved(values: NDArray[Any], geometry: Geometry, frame: int) -> NDArray[Any]:
    if values.ndim == 2:
        return geometry.follow(values, frame)
    return np.ascontiguousarray(np.moveaxis(geometry.follow(np.moveaxis(values, -1, 0), frame), 0, -1))


def _image(values: NDArray[Any], like: Image.Image) -> Image.Image:
    if like.mode == "1":
        return Image.fromarray(values)
    image = Image.frombytes(like.mode, like.size, values.tobytes())
    if like.mode == "P":
        image.putpalette(like.getpalette() or [])
    return image
