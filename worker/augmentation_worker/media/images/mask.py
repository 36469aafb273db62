"""Images that say which pixels of a camera are kept."""

import numpy as np
from numpy.typing import NDArray
from PIL import ImageOps

from augmentation_worker.media.images.header import ImageFormat, ImageInvalid, opened, read_header


def decode_mask(content: bytes) -> NDArray[np.uint8]:
    """A PNG as a mask: uint8 [H, W], 255 where its value (of a palette: its index; of colours: any) is not 0, else 0.

    Raises:
        ImageInvalid: it is damaged, too large, no PNG, or an animation.
    """
    header = read_header(content)
    if header.format is not ImageFormat.PNG:
        raise ImageInvalid(f"is {header.format}: a mask has to be PNG, which loses no value")
    header.check_size()
    with opened(content) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in ("RGBA", "LA"):
            upright = upright.convert(upright.mode[:-1])  # transparency says how it is shown, not what it is
        values = np.array(upright)
    kept = values != 0
    return np.where(kept.any(-1) if kept.ndim == 3 else kept, np.uint8(255), np.uint8(0))
