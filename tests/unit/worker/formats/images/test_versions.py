"""Versions of an image depend on seed, column, row and copy, and on nothing else."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from augmentation_api import Augmentation
from augmentation_worker.formats.images.versions import make_versions
from augmentation_worker.media.device import AugmentDevice
from augmentation_worker.media.images.header import ImageInvalid

CPU: AugmentDevice = "cpu"
EVERYTHING = Augmentation.model_validate(
    {"transforms": ["lighting", "noise", "blur", "occlusion", "gamma", "jpeg", "shadow", "hueSaturation"], "copies": 2}
)


def png(width: int, height: int) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    content = BytesIO()
    Image.fromarray(pixels).save(content, format="PNG")
    return content.getvalue()


@pytest.mark.parametrize("size", [(64, 48), (33, 71), (1, 1), (1, 40)])
def test_every_transform_works_on_images_of_any_size(size: tuple[int, int]) -> None:
    versions = make_versions(png(*size), EVERYTHING, "image", 3, 2, CPU)
    assert [Image.open(BytesIO(version.content)).size for version in versions] == [size, size]


def test_the_same_row_gives_the_same_bytes_and_another_row_others() -> None:
    content = png(32, 32)

    def made(column: str, row: int) -> list[bytes]:
        return [version.content for version in make_versions(content, EVERYTHING, column, row, 2, CPU)]

    assert made("image", 3) == made("image", 3)
    every = [*made("image", 3), *made("image", 4), *made("wrist", 3)]
    assert len(set(every)) == len(every)


def test_bytes_that_are_no_image_are_refused() -> None:
    with pytest.raises(ImageInvalid, match="not an image"):
        make_versions(b"nonsense", EVERYTHING, "image", 0, 1, CPU)
