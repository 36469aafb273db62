import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest

from augmentation_worker.media.video import color_kernels
from augmentation_worker.media.video import colors as colors_module
from augmentation_worker.media.video.colors import ColorConverter, ColorTags, _to_rgb_factors, has_kernels
from augmentation_worker.media.video.planes import planes_of
from augmentation_worker.media.video.thread_policy import same_scheduling
from augmentation_worker.transforms.cpu.kernel_target import KERNEL_TARGETS, KernelTarget, kernel_target

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


def noise_frame(height: int, width: int, matrix: int, color_range: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    for place, plane in enumerate(planes_of(frame)):
        plane[:] = np.random.default_rng(place).integers(0, 256, plane.shape, dtype=np.uint8)
    frame.colorspace, frame.color_range = matrix, color_range
    return frame


def by_swscale(monkeypatch: pytest.MonkeyPatch) -> ColorConverter:
    """A converter that uses no kernels."""
    monkeypatch.setattr(colors_module, "has_kernels", lambda *_: False)
    return ColorConverter()


@pytest.mark.parametrize(
    "size", [(8, 8), (8, 10), (8, 16), (10, 34), (8, 54), (10, 62), (48, 64), (8, 66), (12, 130), (8, 640)]
)
@pytest.mark.parametrize("color_range", [0, 1, 2])
@pytest.mark.parametrize("matrix", [1, UNSPECIFIED, 4, 5, 6, 7, 9])
def test_kernels_give_the_bits_of_swscale(
    monkeypatch: pytest.MonkeyPatch, matrix: int, color_range: int, size: tuple[int, int]
) -> None:
    colors = ColorTags(matrix=matrix, range=color_range)
    frame, other = noise_frame(*size, matrix, color_range), noise_frame(*size, matrix, color_range)
    scene = np.random.default_rng(9).integers(0, 256, (3, *size), dtype=np.uint8)
    converter = ColorConverter()
    pixels, again = np.empty((3, *size), np.uint8), np.empty((3, *size), np.uint8)
    converter.to_rgb(frame, pixels)
    assert converter.siting_of(other) == "center"
    other_planes = planes_of(other)
    other_planes[0][:] = 255 - other_planes[0]
    converter.to_rgb(other, again)
    converted = converter.to_yuv(scene, "yuv420p", colors)

    swscale = by_swscale(monkeypatch)
    expected = np.empty((3, *size), np.uint8)
    swscale.to_rgb(other, expected)
    assert np.array_equal(again, expected)
    scaled = swscale.to_yuv(scene, "yuv420p", colors)
    assert all(map(np.array_equal, planes_of(converted), planes_of(scaled)))
    assert (converted.colorspace, converted.color_range) == (scaled.colorspace, scaled.color_range)


@pytest.mark.parametrize("color_range", [0, 2])
@pytest.mark.parametrize("matrix", [1, UNSPECIFIED, 4, 7, 9])
def test_kernels_give_the_bits_of_swscale_for_the_ends_of_all_channels(
    monkeypatch: pytest.MonkeyPatch, matrix: int, color_range: int
) -> None:
    """Flat, where sums are the greatest and the least there are, and next to each other."""
    corners = np.array(list(product((0, 255), repeat=3)), np.uint8)
    blocks = np.broadcast_to(corners.T[:, None].repeat(16, axis=2), (3, 16, 128))
    scattered = corners[np.random.default_rng(3).integers(0, 8, (16, 128))].transpose(2, 0, 1)
    scene = np.concatenate([blocks, scattered], axis=1)
    colors = ColorTags(matrix=matrix, range=color_range)
    frame = noise_frame(32, 128, matrix, color_range)
    planes_of(frame)[0][:] = scene[0]
    for plane, channel in zip(planes_of(frame)[1:], scene[1:], strict=True):
        plane[:] = channel[::2, ::2]

    converter = ColorConverter()
    converted, pixels = converter.to_yuv(scene, "yuv420p", colors), np.empty_like(scene)
    converter.to_rgb(frame, pixels)
    assert converter.siting_of(frame) == "center"
    swscale = by_swscale(monkeypatch)
    expected = np.empty_like(scene)
    swscale.to_rgb(frame, expected)
    assert np.array_equal(pixels, expected)
    assert all(map(np.array_equal, planes_of(converted), planes_of(swscale.to_yuv(scene, "yuv420p", colors))))


ON_ANOTHER_KIND = """
import sys
from pathlib import Path
from tests.unit.worker.pixels.test_colors import converted_both_ways
Path(sys.argv[1]).write_bytes(converted_both_ways())
"""


def converted_both_ways() -> bytes:
    """All bytes that kernels make of noise, by a limited and a full range and as wide as several vectors."""
    made = []
    for color_range, width in product((0, 2), (8, 70, 140)):
        colors = ColorTags(range=color_range)
        frame = noise_frame(10, width, UNSPECIFIED, color_range)
        left = np.empty((3, 10, width), np.uint8)
        planes = [np.ascontiguousarray(plane) for plane in planes_of(frame)]
        color_kernels.to_rgb(*planes, left, _to_rgb_factors(colors), True)
        made += [rgb_of(frame), left, *planes_of(ColorConverter().to_yuv(left, "yuv420p", colors))]
    return b"".join(each.tobytes() for each in made)


def test_kernels_for_slower_kinds_of_this_processor_give_the_same(tmp_path: Path) -> None:
    """Also for one that no image holds kernels for: it lacks instructions that they use elsewhere."""
    own = kernel_target()
    if own is None:
        pytest.skip("kernels are compiled for no slower kind that this processor is of")
    slower = KERNEL_TARGETS[KERNEL_TARGETS.index(own) + 1 :]
    for target in (*slower, KernelTarget("x86-64-v2", "", frozenset())):
        result = tmp_path / target.name
        command = [sys.executable, "-c", ON_ANOTHER_KIND, str(result)]
        subprocess.run(command, env={**os.environ, **target.environment()}, check=True)
        assert result.read_bytes() == converted_both_ways()


@pytest.mark.parametrize(
    ("codec", "options", "siting"),
    [
        ("libx264", {}, "left"),
        ("libsvtav1", {}, "center"),
        ("libx264", {"x264-params": "chromaloc=2"}, None),  # on the upper left pixel of four
        ("libx264", {"x264-params": "chromaloc=3"}, None),  # between the upper two
    ],
)
def test_where_chroma_lies_in_decoded_frames_is_found_out(
    monkeypatch: pytest.MonkeyPatch, codec: str, options: dict[str, str], siting: str | None, tmp_path: Path
) -> None:
    """Also by a first frame that does not tell: it is flat, or is the same from row to row."""
    stripes, noise = noise_frame(64, 70, UNSPECIFIED, 0), noise_frame(64, 70, UNSPECIFIED, 0)
    for plane in planes_of(stripes):
        plane[:] = plane[0]
    with av.open(tmp_path / "v.mp4", "w") as container:
        stream = cast(av.VideoStream, container.add_stream(codec, rate=10, options={"crf": "0", **options}))
        stream.width, stream.height, stream.pix_fmt = 70, 64, "yuv420p"
        black = flat_frame(16, 128, 128, ColorTags()).reformat(70, 64)
        with same_scheduling():
            for frame in (stripes, black, noise, None):
                container.mux(stream.encode(frame))
    with av.open(tmp_path / "v.mp4") as container:
        frames = list(container.decode(video=0))
    converter = ColorConverter()
    pixels = [np.empty((3, 64, 70), np.uint8) for _ in frames]
    found = []
    for frame, target in zip(frames, pixels, strict=True):
        converter.to_rgb(frame, target)
        found.append(converter.siting_of(frame))
    assert found == [siting, siting, siting]
    swscale = by_swscale(monkeypatch)
    expected = np.empty((3, 64, 70), np.uint8)
    for frame, target in zip(frames, pixels, strict=True):
        swscale.to_rgb(frame, expected)
        assert np.array_equal(target, expected)


@pytest.mark.parametrize(
    ("pix_fmt", "matrix", "height", "width"),
    [
        ("yuv444p", 1, 48, 64),
        ("yuv420p10le", 1, 48, 64),
        ("yuv420p", 8, 48, 64),
        ("yuv420p", 1, 47, 64),
        ("yuv420p", 1, 6, 64),
    ],
)
def test_what_kernels_do_not_know_swscale_converts(pix_fmt: str, matrix: int, height: int, width: int) -> None:
    assert not has_kernels(pix_fmt, ColorTags(matrix=matrix), height, width)
