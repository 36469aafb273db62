"""The size of a preview in a status."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from augmentation_api.status import MAX_PREVIEW_BYTES, PreviewStatus
from augmentation_worker.media.preview_size import fitted_preview


def noise(height: int, width: int) -> bytes:
    """A PNG that no compression makes smaller."""
    content = BytesIO()
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(content, format="PNG")
    return content.getvalue()


def test_small_preview_stays_as_it_is() -> None:
    png = noise(20, 30)
    assert fitted_preview(png, MAX_PREVIEW_BYTES) == ("image/png", png)


@pytest.mark.parametrize(("size", "kept"), [((400, 600), True), ((1500, 2300), False)])
def test_large_preview_becomes_a_jpeg_that_fits(size: tuple[int, int], kept: bool) -> None:
    media_type, image = fitted_preview(noise(*size), MAX_PREVIEW_BYTES)
    assert media_type == "image/jpeg"
    assert len(image) <= MAX_PREVIEW_BYTES
    with Image.open(BytesIO(image)) as sheet:
        assert sheet.format == "JPEG"
        assert ((sheet.height, sheet.width) == size) is kept


def test_largest_preview_is_valid_in_a_status() -> None:
    text = "A" * (4 * (MAX_PREVIEW_BYTES // 3))
    assert PreviewStatus(media_type="image/png", image=text).image == text
    with pytest.raises(ValueError, match="at most"):
        PreviewStatus(media_type="image/png", image=text + "AAAA")
