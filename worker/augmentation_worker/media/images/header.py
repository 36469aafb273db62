"""Headers of images, read without decoding a pixel: enough to refuse what cannot or must not be decoded.

Torch is not imported here: resolve has to start fast.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from augmentation_worker.bounded import lfs_pointer

MOST_PIXELS = 1 << 25
"""Most pixels of an image: 8K video (7680 x 4320) fits, and its RGB values take 100 MB. More is refused undecoded."""
_COLOUR_MODES = frozenset({"RGB", "RGBA", "RGBX"})
_PALETTE_MODES = frozenset({"P", "PA"})
_GREY_MODES = frozenset({"L", "LA"})
_NUMBER_MODES = ("1", "I", "F")
_MOST_BITS = 8
_DEPTH_IN_PNG = slice(24, 25)
"""Bits per channel, in the IHDR chunk that every PNG begins with: Pillow cuts 16 of them to 8 without a word."""


class ImageFormat(StrEnum):
    """Formats that are read, and written again as they were."""

    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WEBP"
    BMP = "BMP"


class ImageKind(StrEnum):
    """What the values of an image are, as far as its header shows it."""

    COLOUR = "colour"
    GREY = "grey"
    PALETTE = "palette"
    NUMBERS = "numbers"
    """More or fewer than 8 bits per channel: ids of instances, depth, a mask."""


class ImageInvalid(ValueError):
    """Bytes that cannot be used as an image: `finding` says what was found, as a clause."""

    def __init__(self, finding: str) -> None:
        self.finding = finding
        super().__init__(finding)


@dataclass(frozen=True)
class ImageHeader:
    """The header of an image.

    Attributes:
        format: how it is encoded.
        width, height: pixels, as they are stored (EXIF may turn them).
        mode: Pillow's mode, e.g. RGB, L, P.
        bits: per channel.
        frames: 1, but for an animation.
    """

    format: ImageFormat
    width: int
    height: int
    mode: str
    bits: int
    frames: int

    @property
    def kind(self) -> ImageKind:
        """What its values are."""
        if self.bits > _MOST_BITS or self.mode.startswith(_NUMBER_MODES):
            return ImageKind.NUMBERS
        if self.mode in _PALETTE_MODES:
            return ImageKind.PALETTE
        return ImageKind.GREY if self.is_grey else ImageKind.COLOUR

    @property
    def is_grey(self) -> bool:
        """Whether it has one channel of 8 bits, and perhaps an alpha channel."""
        return self.mode in _GREY_MODES

    def check_size(self) -> None:
        """Refuse what is too large to be decoded, or more than one image. Raises ImageInvalid."""
        if self.width * self.height > MOST_PIXELS:
            raise ImageInvalid(f"has {self.width} x {self.height} pixels, more than the {MOST_PIXELS} allowed")
        if self.frames > 1:
            raise ImageInvalid(f"is an animation of {self.frames} frames, not one image")

    def check_decodable(self) -> None:
        """Refuse what would be too large, or lose information on its way to 8-bit RGB and back.

        Raises:
            ImageInvalid: says what it is and what is possible.
        """
        self.check_size()
        if self.bits > _MOST_BITS or self.mode.startswith(("I", "F")):
            raise ImageInvalid(f"has {max(self.bits, 16)} bits per channel: only 8 can be augmented without a loss")
        if self.mode not in _COLOUR_MODES | _PALETTE_MODES | _GREY_MODES:
            raise ImageInvalid(f"has colours of the kind {self.mode}: RGB, palette and grey can be augmented")


def read_header(content: bytes) -> ImageHeader:
    """Read the header of an encoded image.

    Raises:
        ImageInvalid: it is none, or of a format that is not supported.
    """
    with opened(content) as image:
        kind = ImageFormat.JPEG if image.format == "MPO" else ImageFormat(str(image.format))
        return ImageHeader(
            format=kind,
            width=image.width,
            height=image.height,
            mode=image.mode,
            bits=content[_DEPTH_IN_PNG][0] if kind is ImageFormat.PNG else 8,
            # A camera's JPEG may carry previews behind the image (MPO); they are no animation.
            frames=1 if image.format == "MPO" else getattr(image, "n_frames", 1),
        )


@contextmanager
def opened(content: bytes) -> Iterator[Image.Image]:
    """The image, its pixels not decoded yet. Raises ImageInvalid, also for what is raised while it is in use."""
    if lfs_pointer.is_pointer(content):
        raise ImageInvalid(lfs_pointer.FINDING)
    try:
        with Image.open(BytesIO(content), formats=tuple(ImageFormat)) as image:
            yield image
    except ImageInvalid:
        raise
    except Image.DecompressionBombError as error:
        raise ImageInvalid(f"has more pixels than the {MOST_PIXELS} allowed ({error})") from error
    except UnidentifiedImageError as error:
        raise ImageInvalid(f"is not an image of a supported format ({', '.join(ImageFormat)})") from error
    except Exception as error:  # Pillow's decoders raise nearly anything for bytes that are broken
        raise ImageInvalid(f"is damaged: {error}") from error
