"""Decoding and encoding images, of datasets that store frames as PNG or JPEG bytes.

Decoded is what every reader of the dataset sees (Pillow, upright), so no colour shifts. Written again is the same
format, with as little loss as that format allows:

- PNG, WebP and BMP without any. PNG with zlib's level 1, as LeRobot writes its own: of noisy camera frames, level 6
  saves a seventh of the bytes for three times the time. WebP lossless, whatever it was: a header does not say how much
  was lost before.
- JPEG with the quantization tables and the chroma subsampling of the source, so the version looks as if the same camera
  had stored it, and is about as large. Subsampling that Pillow cannot write becomes 4:4:4, which loses nothing more.
- An alpha channel stays as it is. A grey image stays grey (its luma is stored), so that it has the shape that readers
  of its source get, and results are batched like it. Palettes become RGB, which holds all of their colours.
- A colour profile is kept; EXIF is not: turned images are stored upright (as readers show them), and the rest of it, a
  thumbnail above all, describes another image than this version.
- What would lose information is refused: 16 bits per channel, CMYK, 1-bit masks, animations.

The same pixels and encoding give the same bytes with the same version of Pillow.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from augmentation_worker.media.images.decoder import SUBSAMPLING_444, ImageEncoding, JpegEncoding, decode_pixels
from augmentation_worker.media.images.header import ImageFormat

PNG_COMPRESS_LEVEL = 1
_LOSSLESS = {
    ImageFormat.PNG: {"compress_level": PNG_COMPRESS_LEVEL},
    # `exact` keeps the colours below full transparency; method 0 is the fastest, as level 1 is of PNG.
    ImageFormat.WEBP: {"lossless": True, "exact": True, "quality": 0, "method": 0},
    ImageFormat.BMP: {},
}


@dataclass(frozen=True)
class DecodedImage:
    """A decoded image.

    Attributes:
        pixels: uint8 [3, H, W], RGB, upright.
        encoding: how it was stored.
    """

    pixels: NDArray[np.uint8]
    encoding: ImageEncoding


def decode_image(content: bytes) -> DecodedImage:
    """Decode PNG, JPEG, WebP or BMP.

    Raises:
        ImageInvalid: it is damaged, too large, of another format, or would lose information.
    """
    pixels, encoding = decode_pixels(content)
    return DecodedImage(np.ascontiguousarray(pixels.transpose(2, 0, 1)), encoding)


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a grey image stores of RGB: uint8 [..., 1, H, W] of uint8 [..., 3, H, W].

    Pillow's conversion of RGB to L (ITU-R 601-2 in 16-bit fixed point), to which `encode_image` leaves it.
    """
    red, green, blue = np.moveaxis(pixels.astype(np.int32), -3, 0)
    grey: NDArray[np.int32] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    return grey.astype(np.uint8)[..., None, :, :]


def encode_image(pixels: NDArray[np.uint8], encoding: ImageEncoding) -> bytes:
    """Encode pixels as an image was; the same bytes every time.

    Args:
        pixels: uint8 [3, H, W], RGB.
        encoding: from `decode_image`, or a default one.

    Raises:
        ValueError: if the pixels are shaped otherwise, or do not fit the alpha channel.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[0] != 3:
        raise ValueError(f"pixels must be uint8 [3, H, W], not {pixels.dtype} {list(pixels.shape)}")
    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    if encoding.grey:
        image = image.convert("L")  # ITU-R 601-2 luma, in whole numbers: equal channels stay what they are
    if encoding.alpha is not None:
        image.putalpha(Image.fromarray(encoding.alpha))
    options: dict[str, Any] = dict(_LOSSLESS.get(encoding.format, {}))
    if encoding.format is ImageFormat.JPEG:
        options = _jpeg_options(encoding.jpeg)
    if encoding.icc_profile and encoding.format is not ImageFormat.BMP:
        options["icc_profile"] = encoding.icc_profile
    content = BytesIO()
    image.save(content, format=encoding.format.value, **options)
    return content.getvalue()


def _jpeg_options(jpeg: JpegEncoding | None) -> dict[str, Any]:
    if jpeg is None:
        return {"quality": 95, "subsampling": SUBSAMPLING_444}
    tables = [list(table) for table in jpeg.tables]
    return {"qtables": tables, "subsampling": jpeg.subsampling, "progressive": jpeg.progressive}
