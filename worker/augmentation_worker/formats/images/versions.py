"""Versions of an image: decoded once, augmented and encoded as it was once per copy."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from augmentation_api import Augmentation
from augmentation_worker.formats.images.cells import Cell, content_of, is_empty, path_of
from augmentation_worker.formats.images.labels import holds_labels
from augmentation_worker.formats.masks import masked_transforms
from augmentation_worker.media.device import AugmentDevice, augment_on
from augmentation_worker.media.images.codec import DecodedImage, decode_image, encode_image
from augmentation_worker.media.images.header import ImageInvalid, read_header
from augmentation_worker.media.images.labels import move_labels, upright_size
from augmentation_worker.media.images.mask import decode_mask
from augmentation_worker.media.pixel_hash import PixelHash
from augmentation_worker.media.stage_clock import Stage, StageClock
from augmentation_worker.transforms.background import BackgroundImages
from augmentation_worker.transforms.pipeline import EpisodeTransform, MaskReader, sample_pipeline


@dataclass(frozen=True)
class Version:
    """One augmented image.

    Attributes:
        content: encoded.
        pixel_hash: digest of its pixels before that, as uint8 [3, H, W] in C order; empty of labels that were moved.
    """

    content: bytes
    pixel_hash: bytes


def pipelines_of(
    augmentation: Augmentation,
    column: str,
    row: int,
    copies: int,
    image: DecodedImage,
    mask: Cell | None = None,
    backgrounds: BackgroundImages | None = None,
) -> list[EpisodeTransform]:
    """What each version of an image goes through: sampled by (seed, column, row, copy, transform).

    Contrast pivots on the mean of the image itself, which is the whole clip. Raises ImageInvalid for a mask that cannot
    be used.
    """
    masks = _mask_reader(mask, image) if masked_transforms(augmentation, column) else None
    # In whole numbers: the same mean on every machine.
    sums = image.pixels.sum((1, 2), dtype=np.int64)
    values = image.pixels.shape[1] * image.pixels.shape[2] * 255
    mean = [int(channel) / values for channel in sums]
    return [
        sample_pipeline(
            augmentation,
            camera=column,
            episode=row,
            copy=copy,
            episode_mean=mean,
            masks=masks,
            background_images=backgrounds,
        )
        for copy in range(copies)
    ]


def mask_of(augmentation: Augmentation, column: str, row: pa.Table) -> Cell | None:
    """The cell with the mask of a column's image in a row; None if it has none."""
    stream = (augmentation.masks or {}).get(column)
    if stream is None:
        return None
    cell: Cell
    (cell,) = row.column(stream).to_pylist()
    return cell


def _mask_reader(mask: Cell | None, image: DecodedImage) -> MaskReader:
    if mask is None or is_empty(mask):
        raise ImageInvalid("has no mask in its row, which its transforms need")
    kept = decode_mask(content_of(mask))
    if kept.shape != (size := tuple(image.pixels.shape[1:])):
        raise ImageInvalid(f"has {size[1]}x{size[0]} pixels, its mask {kept.shape[1]}x{kept.shape[0]}")
    return lambda first, count, height, width: kept[None]


def versions_of_cell(
    cell: Cell,
    augmentation: Augmentation,
    column: str,
    row: int,
    copies: int,
    device: AugmentDevice,
    mask: Cell | None,
    backgrounds: BackgroundImages | None,
    *,
    keeps_labels: bool,
    stages: StageClock | None = None,
) -> list[Version] | None:
    """All versions of the image in a cell that is not empty, in any thread; `mask` is what `mask_of` gives.

    None for an image that holds labels (labels.py), with `keeps_labels`. Raises ImageInvalid.
    """
    content = content_of(cell)
    if keeps_labels and holds_labels(read_header(content), path_of(cell)):
        return None
    return make_versions(content, augmentation, column, row, copies, device, mask, backgrounds, stages)


def make_versions(
    content: bytes,
    augmentation: Augmentation,
    column: str,
    row: int,
    copies: int,
    device: AugmentDevice,
    mask: Cell | None = None,
    backgrounds: BackgroundImages | None = None,
    stages: StageClock | None = None,
) -> list[Version]:
    """All versions of an encoded image, in any thread. Raises ImageInvalid."""
    stages = stages or StageClock()
    with stages.measure(Stage.DECODE):
        image = decode_image(content)
    versions = []
    for pipeline in pipelines_of(augmentation, column, row, copies, image, mask, backgrounds):
        with stages.measure(Stage.TRANSFORM):
            pixels = augment_on(device, pipeline, image.pixels[None], 0)[0]
            pixel_hash = PixelHash()
            pixel_hash.update(pixels)
        with stages.measure(Stage.ENCODE):
            encoded = encode_image(pixels, image.encoding)
        versions.append(Version(encoded, pixel_hash.digest()))
    return versions


def move_with(
    labels: Cell,
    picture: Cell,
    augmentation: Augmentation,
    column: str,
    row: int,
    copies: int,
    backgrounds: BackgroundImages | None,
    *,
    keeps_labels: bool,
) -> list[Version]:
    """The versions of an image of labels or depths that moves with the picture in another column of its row.

    Raises ImageInvalid: it cannot be moved without a loss, or is not of the picture's shape.
    """
    content, seen = content_of(labels), content_of(picture)
    (height, width), (seen_height, seen_width) = upright_size(content), upright_size(seen)
    if height * seen_width != width * seen_height:
        raise ImageInvalid(
            f"has {width}x{height} pixels, which is not the shape of the image in the column {column}, with which it "
            f"moves ({seen_width}x{seen_height})"
        )
    if keeps_labels and holds_labels(read_header(seen), path_of(picture)):
        return [Version(content, b"")] * copies
    versions = []
    for copy in range(copies):
        # Where pixels go does not depend on their colours.
        pipeline = sample_pipeline(
            augmentation,
            camera=column,
            episode=row,
            copy=copy,
            episode_mean=(0.5, 0.5, 0.5),
            background_images=backgrounds,
        )
        geometry = pipeline.geometry
        versions.append(Version(content if geometry is None else move_labels(content, geometry, 0), b""))
    return versions
