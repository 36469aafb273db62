import numpy as np
import pytest

from augmentation_worker.media.contact_sheet import Cell, draw_contact_sheet

RED = np.full((30, 60, 3), (255, 0, 0), np.uint8)


def test_every_image_is_on_the_sheet_in_its_place() -> None:
    blue = np.full((60, 30, 3), (0, 0, 255), np.uint8)
    sheet = np.asarray(draw_contact_sheet("heading", [[Cell("a", RED), Cell("b", blue)], [Cell("c", RED)]]))
    assert (sheet == (255, 0, 0)).all(axis=2).sum() == 2 * 256 * 128
    assert (sheet == (0, 0, 255)).all(axis=2).sum() == 256 * 128
    left, right = np.nonzero((sheet == (0, 0, 255)).all(axis=2))[1].min(), sheet.shape[1] // 2
    assert left >= right


def test_a_long_caption_makes_room_for_itself() -> None:
    short = draw_contact_sheet("heading", [[Cell("a", RED, ("one",))]])
    long = draw_contact_sheet("heading", [[Cell("a", RED, ("a word after the other " * 10,))]])
    assert long.width == short.width
    assert long.height > short.height + 50


def test_a_sheet_without_images_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs an image"):
        draw_contact_sheet("heading", [[]])
