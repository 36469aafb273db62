"""Decoding images to arrays, without torch: publish checks what it fetched back by it."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, JpegImagePlugin

from augmentation_worker.media.images.header import ImageFormat, ImageInvalid, opened, read_header

SUBSAMPLING_444 = 0
"""Of the chroma, as Pillow counts: none."""


@dataclass(frozen=True)
class JpegEncoding:
    """How a JPEG was compressed.

    Attributes:
        tables: the quantization tables, luma first, of 64 numbers each.
        subsampling: of the chroma, as Pillow counts: 0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0.
        progressive: whether it is stored from coarse to fine.
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: int
    progressive: bool


@dataclass(frozen=True)
class ImageEncoding:
    """What is needed, with the pixels, to write an image as it was. The default is a PNG.

    Attributes:
        format: PNG, JPEG, WEBP or BMP.
        jpeg: for JPEG; None is Pillow's quality 95 without subsampling.
        grey: whether it has one channel of light.
        alpha: uint8 [H, W]; None for an image without transparency.
        icc_profile: colour profile.
    """

    format: ImageFormat = ImageFormat.PNG
    jpeg: JpegEncoding | None = None
    grey: bool = False
    alpha: npt.NDArray[np.uint8] | None = field(default=None, compare=False)
    icc_profile: bytes | None = None


def decode_pixels(content: bytes) -> tuple[npt.NDArray[np.uint8], ImageEncoding]:
    """Decode PNG, JPEG, WebP or BMP: uint8 [H, W, 3], RGB, upright; and how it was stored.

    Raises:
        ImageInvalid: it is damaged, too large, of another format, or would lose information.
    """
    header = read_header(content)
    header.check_decodable()
    with opened(content) as image:
        # Asked of the file: what is made of it below does not know any more.
        jpeg = _jpeg_encoding(image) if header.format is ImageFormat.JPEG else None
        profile = image.info.get("icc_profile")
        upright = ImageOps.exif_transpose(image)
        alpha = None
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
            alpha = np.array(upright.getchannel("A"))
        pixels = np.array(upright.convert("RGB"))
    return pixels, ImageEncoding(header.format, jpeg, header.is_grey, alpha, profile)


def _jpeg_encoding(image: Image.Image) -> JpegEncoding:
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        raise ImageInvalid("is no JPEG, although it says so")
    subsampling = JpegImagePlugin.get_sampling(image)
    return JpegEncoding(
        tables=tuple(tuple(table) for _, table in sorted(image.quantization.items())),
        subsampling=subsampling if subsampling >= 0 else SUBSAMPLING_444,
        progressive=bool(image.info.get("progressive")),
    )
