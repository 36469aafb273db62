"""What holds labels, and is left as it is unless the job names it: by names, and by what the first images are."""

import pytest

from augmentation_worker.formats.images.labels import ImageLook, holds_labels, is_named_like_labels, why_left
from augmentation_worker.media.images.header import ImageKind, read_header
from tests.fixtures.field.images import encoded


@pytest.mark.parametrize("name", ["mask", "left_mask", "depth-map", "segmentationMap", "GT.Labels", "semantic_seg2"])
def test_columns_are_recognized_by_words_of_their_names(name: str) -> None:
    assert is_named_like_labels(name)


@pytest.mark.parametrize("name", ["image", "unmasked", "labelled_image", "observation.images.top", "deep", ""])
def test_words_that_only_contain_one_of_labels_are_none(name: str) -> None:
    assert not is_named_like_labels(name)


@pytest.mark.parametrize(
    ("mode", "kind", "path", "expected"),
    [
        ("RGB", "PNG", "masks/1.png", False),
        ("P", "PNG", None, True),
        ("1", "PNG", None, True),
        ("I;16", "PNG", "photos/1.png", True),
        ("L", "PNG", None, False),
        ("L", "PNG", "photos/1.png", False),
        ("L", "PNG", "train/masks/1.png", True),
        ("L", "JPEG", "with_mask/1.jpg", False),
        ("CMYK", "JPEG", None, False),
    ],
)
def test_image_among_photographs_is_a_label(mode: str, kind: str, path: str | None, *, expected: bool) -> None:
    assert holds_labels(read_header(encoded(1, mode, kind)), path) is expected


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ([ImageKind.COLOUR, ImageKind.PALETTE], None),
        ([ImageKind.GREY], "one channel"),
        ([ImageKind.PALETTE, ImageKind.GREY], "one channel, as depth maps and masks have or palettes"),
        ([None, ImageKind.NUMBERS], "1 or 16 bits"),
        ([None], "that of row 0 is broken"),
        ([], "the first rows have no image"),
    ],
)
def test_a_column_without_photographs_in_colours_is_left(kinds: list[ImageKind | None], words: str | None) -> None:
    looks = [ImageLook(row, "image", kind, None if kind else "is broken") for row, kind in enumerate(kinds)]
    reason = why_left("image", looks)
    assert reason is None if words is None else reason is not None and words in reason
    assert why_left("depth", looks) == "its name is that of labels"
