"""Images that cover a frame of another size. Torch is not imported here."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from augmentation_worker.media.images.header import opened, read_header


def cover(content: bytes, height: int, width: int, left: float, top: float) -> NDArray[np.uint8]:
    """An encoded image, cut to the frame's shape and resized to its size: uint8 [3, height, width].

    Args:
        content: PNG, JPEG, WebP or BMP.
        height, width: of the frame, pixels.
        left, top: where it is cut if it is wider or higher than the frame's shape; 0 is left, 1 right.

    Raises:
        ImageInvalid: it is damaged, too large, or has more than 8 bits per channel.
    """
    read_header(content).check_decodable()
    with opened(content) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        # Of both sides the largest part that has the frame's shape.
        wide = min(upright.width, upright.height * width / height)
        high = min(upright.height, upright.width * height / width)
        x, y = (upright.width - wide) * left, (upright.height - high) * top
        box = (x, y, min(x + wide, upright.width), min(y + high, upright.height))
        resized = upright.resize((width, height), Image.Resampling.BILINEAR, box)
        return np.ascontiguousarray(np.array(resized).transpose(2, 0, 1))
