"""Encoded images: what comes back is what was there, and what cannot come back is refused."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from augmentation_worker.media.images.codec import decode_image, encode_image
from augmentation_worker.media.images.decoder import ImageEncoding
from augmentation_worker.media.images.header import MOST_PIXELS, ImageFormat, ImageInvalid, ImageKind, read_header

RGB = np.random.default_rng(7).integers(0, 256, (40, 60, 3), dtype=np.uint8)
SMOOTH = np.stack([*np.meshgrid(np.arange(60) * 4, np.arange(40) * 6), np.full((40, 60), 90)], -1).astype(np.uint8)
ORIENTATION = 0x0112


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    content = BytesIO()
    image.save(content, format=kind, **options)
    return content.getvalue()


def encoded_image(pixels: np.ndarray = RGB, kind: str = "PNG", **options: object) -> bytes:
    return encoded(Image.fromarray(pixels), kind, **options)


def as_shown(content: bytes) -> np.ndarray:
    return np.array(Image.open(BytesIO(content)).convert("RGB"))


def png_header(width: int, height: int, bits: int = 8) -> bytes:
    bodies = [b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0), b"IDAT" + b"no pixels"]
    chunks = [struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) for body in bodies]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_a_lossless_image_comes_back_to_the_pixel_in_its_own_format(kind: str) -> None:
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    decoded = decode_image(encoded_image(kind=kind, **options))
    assert np.array_equal(decoded.pixels.transpose(1, 2, 0), RGB)
    again = encode_image(decoded.pixels, decoded.encoding)
    assert Image.open(BytesIO(again)).format == kind
    assert np.array_equal(as_shown(again), RGB)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_is_decoded_as_readers_see_it_and_compressed_as_it_was(subsampling: int) -> None:
    source = encoded_image(SMOOTH, "JPEG", quality=83, subsampling=subsampling, progressive=True)
    decoded = decode_image(source)
    assert np.array_equal(decoded.pixels.transpose(1, 2, 0), as_shown(source))
    again = encode_image(decoded.pixels, decoded.encoding)
    assert decode_image(again).encoding == decoded.encoding
    assert decoded.encoding.jpeg is not None
    assert (decoded.encoding.jpeg.subsampling, decoded.encoding.jpeg.progressive) == (subsampling, True)
    assert abs(as_shown(again).astype(int) - as_shown(source)).mean() < 1


def test_the_same_pixels_give_the_same_bytes() -> None:
    for kind in ImageFormat:
        decoded = decode_image(encoded_image(SMOOTH, kind))
        assert encode_image(decoded.pixels, decoded.encoding) == encode_image(decoded.pixels, decoded.encoding)


def test_a_default_encoding_is_a_png() -> None:
    content = encode_image(RGB.transpose(2, 0, 1), ImageEncoding())
    assert read_header(content).format is ImageFormat.PNG
    assert np.array_equal(as_shown(content), RGB)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_stays_as_it_is(kind: str) -> None:
    rgba = np.dstack([RGB, np.random.default_rng(8).integers(0, 256, (40, 60), dtype=np.uint8)])
    decoded = decode_image(encoded_image(rgba, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {})))
    assert np.array_equal(decoded.pixels.transpose(1, 2, 0), RGB)
    again = np.array(Image.open(BytesIO(encode_image(255 - decoded.pixels, decoded.encoding))))
    assert np.array_equal(again, np.dstack([255 - RGB, rgba[..., 3]]))


def test_a_palette_becomes_rgb_of_the_same_colours() -> None:
    palette = Image.fromarray(RGB).quantize(32)
    decoded = decode_image(encoded(palette, "PNG"))
    assert np.array_equal(decoded.pixels.transpose(1, 2, 0), np.array(palette.convert("RGB")))
    assert Image.open(BytesIO(encode_image(decoded.pixels, decoded.encoding))).mode == "RGB"


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "L"), ("JPEG", "L"), ("BMP", "L"), ("PNG", "LA")])
def test_a_grey_image_stays_grey(kind: str, mode: str) -> None:
    """So that it is batched with what its source gives: one channel, not three."""
    source = encoded(Image.fromarray(RGB[..., 0]).convert(mode), kind)
    grey = decode_image(source)
    assert (grey.pixels[0] == grey.pixels[1]).all()
    again = Image.open(BytesIO(encode_image(grey.pixels, grey.encoding)))
    assert again.mode == mode
    change = np.abs(np.array(again.convert("L")).astype(int) - np.array(Image.open(BytesIO(source)).convert("L")))
    assert change.max() == 0 if kind != "JPEG" else change.mean() < 4
    brighter = encode_image((grey.pixels // 2) + 100, grey.encoding)
    assert Image.open(BytesIO(brighter)).mode == mode


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGB", ImageKind.COLOUR),
        ("RGBA", ImageKind.COLOUR),
        ("L", ImageKind.GREY),
        ("LA", ImageKind.GREY),
        ("P", ImageKind.PALETTE),
        ("1", ImageKind.NUMBERS),
        ("I;16", ImageKind.NUMBERS),
    ],
)
def test_header_distinguishes_photographs_from_labels(mode: str, kind: ImageKind) -> None:
    image = Image.fromarray(RGB[..., 0].astype(np.uint16)) if mode == "I;16" else Image.fromarray(RGB).convert(mode)
    assert read_header(encoded(image, "PNG")).kind is kind


def test_a_turned_image_is_decoded_and_stored_upright() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    decoded = decode_image(encoded_image(SMOOTH, "JPEG", quality=95, exif=exif))
    assert decoded.pixels.shape == (3, 60, 40)
    again = Image.open(BytesIO(encode_image(decoded.pixels, decoded.encoding)))
    assert again.size == (40, 60)
    assert not again.getexif()


def test_a_colour_profile_is_kept() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    decoded = decode_image(encoded_image(icc_profile=profile))
    assert Image.open(BytesIO(encode_image(decoded.pixels, decoded.encoding))).info["icc_profile"] == profile


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (encoded_image(RGB[..., 0].astype(np.uint16) * 257), "16 bits per channel"),
        (encoded(Image.fromarray(RGB).convert("CMYK"), "JPEG"), "of the kind CMYK"),
        (encoded(Image.fromarray(RGB).convert("1"), "PNG"), "of the kind 1"),
        (
            encoded(Image.fromarray(RGB), "PNG", save_all=True, append_images=[Image.fromarray(255 - RGB)]),
            "animation of 2 frames",
        ),
        (encoded(Image.fromarray(RGB), "GIF"), "supported format (PNG, JPEG, WEBP, BMP)"),
        (b"", "supported format"),
        (b"neither", "supported format"),
        (encoded_image()[:900], "is damaged"),
        (encoded_image(kind="JPEG")[:900], "is damaged"),
    ],
)
def test_what_would_lose_information_or_is_damaged_is_refused(content: bytes, found: str) -> None:
    with pytest.raises(ImageInvalid) as refusal:
        decode_image(content)
    assert found in refusal.value.finding


def test_sixteen_bits_of_colour_are_not_cut_silently() -> None:
    with pytest.raises(ImageInvalid, match="16 bits per channel"):
        decode_image(png_header(4, 4, bits=16))


@pytest.mark.parametrize("side", [6000, 10_000, 20_000])
def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(side: int) -> None:
    """Only a header is there: whoever tried to decode it would say that it is damaged."""
    with pytest.raises(ImageInvalid, match=f"more (pixels )?than the {MOST_PIXELS} allowed"):
        decode_image(png_header(side, side))


def test_pixels_of_another_shape_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"uint8 \[3, H, W\]"):
        encode_image(np.zeros((40, 60, 3), np.uint8), ImageEncoding())
