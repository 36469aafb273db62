"""How a declared shape is read: lerobot#1249, any4lerobot#35 (channels first under names of another order)."""

from typing import Any

import pytest

from augmentation_worker.formats.lerobot.camera_shape import CameraShape

HWC = ["height", "width", "channel"]


@pytest.mark.parametrize(
    ("shape", "names", "read"),
    [
        ([48, 64, 3], HWC, (48, 64, 3)),
        ([48, 64, 3], None, (48, 64, 3)),
        ([48, 64, 3], ["height", "width", "rgb"], (48, 64, 3)),
        ([48, 64, 3], {"axes": ["height", "width", "channels"]}, (48, 64, 3)),
        ([64, 48, 3], ["width", "height", "channels"], (48, 64, 3)),
        ([3, 48, 64], ["channels", "height", "width"], (48, 64, 3)),
        ([3, 48, 64], ["C", "H", "W"], (48, 64, 3)),
        ([3, 48, 64], ["rgb", "height", "width"], (48, 64, 3)),
        ([3, 48, 64], {"axes": ["channels", "height", "width"]}, (48, 64, 3)),
        ([3, 48, 64], None, (48, 64, 3)),
        ([3, 48, 64], HWC, (48, 64, 3)),  # the names are wrong
        ([48, 64, 3], ["channels", "height", "width"], (48, 64, 3)),
        ([48, 64, 4], HWC, (48, 64, 4)),
        ([4, 48, 64], None, (48, 64, 4)),
        ([48, 64, 1], HWC, (48, 64, 1)),
        ([1, 48, 64], HWC, (48, 64, 1)),
        ([48, 64], ["height", "width"], (48, 64, 1)),
        ([48, 64, 6], HWC, (48, 64, 6)),
        ([3, 64, 3], ["channels", "height", "width"], (64, 3, 3)),  # both may be it: then the names say
        ([3, 64, 3], None, (3, 64, 3)),
        ([3], None, (0, 0, 0)),
        ([], "anything", (0, 0, 0)),
    ],
)
def test_channels_are_on_the_side_that_is_1_3_or_4(shape: list[int], names: Any, read: tuple[int, int, int]) -> None:
    found = CameraShape.read(shape, names)
    assert (found.height, found.width, found.channels) == read


def test_a_wrong_size_is_corrected_where_it_stands() -> None:
    assert CameraShape.read([480, 640, 3], HWC).with_size(48, 64) == [48, 64, 3]
    assert CameraShape.read([3, 480, 640], HWC).with_size(48, 64) == [3, 48, 64]
    assert CameraShape.read([640, 480, 3], ["width", "height", "channels"]).with_size(48, 64) == [64, 48, 3]
    # Which of the two is the height is only said by names: what may be right is left as it is.
    assert CameraShape.read([64, 48, 3], HWC).with_size(48, 64) == [64, 48, 3]
    assert CameraShape.read([3], None).with_size(48, 64) == [3]
