import av
import numpy as np
import pytest

from augmentation_worker.media.video.colors import ColorConverter, ColorTags

from .conftest import SampleVideo, moving_scene

# Weights of red and blue in luma: ITU-R BT.709, BT.601 (twice) and BT.2020.
LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
UNSPECIFIED = 2


def flat_frame(y: int, u: int, v: int, colors: ColorTags) -> av.VideoFrame:
    frame = av.VideoFrame(64, 48, "yuv420p")
    for plane, value in zip(frame.planes, (y, u, v), strict=True):
        np.frombuffer(memoryview(plane), np.uint8)[:] = value
    frame.colorspace = colors.matrix
    frame.color_range = colors.range
    return frame


def formula(y: int, u: int, v: int, colors: ColorTags) -> np.ndarray:
    """RGB of a YUV colour, 0 to 255, as the standards define it."""
    red, blue = LUMA[5 if colors.matrix == UNSPECIFIED else colors.matrix]
    luma, chroma = (255.0, 255.0) if colors.range == 2 else (219.0, 224.0)
    light = (y - (0 if colors.range == 2 else 16)) / luma
    r = light + 2 * (1 - red) * (v - 128) / chroma
    b = light + 2 * (1 - blue) * (u - 128) / chroma
    g = (light - red * r - blue * b) / (1 - red - blue)
    return 255 * np.array([r, g, b])


def rgb_of(frame: av.VideoFrame) -> np.ndarray:
    pixels = np.empty((3, frame.height, frame.width), np.uint8)
    ColorConverter().to_rgb(frame, pixels)
    return pixels


@pytest.mark.parametrize("matrix", [UNSPECIFIED, 1, 5, 6, 9])
@pytest.mark.parametrize("color_range", [0, 1, 2])
def test_yuv_is_converted_by_its_tags_and_untagged_as_limited_bt601(matrix: int, color_range: int) -> None:
    colors = ColorTags(matrix=matrix, range=color_range)
    for y, u, v in [(126, 128, 128), (110, 100, 150), (140, 150, 110), (90, 118, 139), (180, 140, 120)]:
        pixels = rgb_of(flat_frame(y, u, v, colors))
        assert (pixels == pixels[:, :1, :1]).all()
        assert np.abs(pixels[:, 0, 0] - formula(y, u, v, colors)).max() <= 1


@pytest.mark.parametrize("matrix", [UNSPECIFIED, 1, 6, 9])
@pytest.mark.parametrize("color_range", [0, 1, 2])
def test_no_colour_shifts_in_a_round_trip(matrix: int, color_range: int) -> None:
    scene = moving_scene(1, 96, 128).numpy()[0]
    colors = ColorTags(matrix=matrix, range=color_range)
    frame = ColorConverter().to_yuv(scene, "yuv420p", colors)
    frame.colorspace, frame.color_range = colors.matrix, colors.range
    error = rgb_of(frame).astype(float) - scene
    # swscale stretches chroma to full range by truncating: half a level of chroma, up to one of RGB.
    assert np.abs(error.mean(axis=(1, 2))).max() < (1 if color_range == 2 else 0.1)


def test_colours_are_those_of_lerobots_reader_without_its_truncation(sample: SampleVideo) -> None:
    with av.open(sample.path) as container:
        frames = [frame for _, frame in zip(range(20), container.decode(video=0), strict=False)]
    theirs = np.stack([frame.to_ndarray(format="rgb24").transpose(2, 0, 1) for frame in frames]).astype(float)
    ours = np.stack([rgb_of(frame) for frame in frames]).astype(float)
    shift = (ours - theirs).mean(axis=(0, 2, 3))
    assert (shift > 0).all()
    assert (shift < 2).all()
    # The rest is how chroma is interpolated at edges.
    assert np.quantile(np.abs(ours - theirs), 0.95) <= 4
