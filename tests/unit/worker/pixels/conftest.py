"""Sample video, generated frames and sampled pipelines for the pixel tests."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from augmentation_api.spec import Augmentation
from augmentation_worker.media.video.colors import TO_RGB
from augmentation_worker.transforms.pipeline import EpisodeTransform, sample_pipeline

CAMERA = "observation.image"
SAMPLE = Path(__file__).parents[3] / "fixtures" / "pusht_v30"


@dataclass(frozen=True)
class SampleVideo:
    """The sample dataset's only video: `lengths` frames an episode, one after the other."""

    path: Path
    fps: int
    lengths: tuple[int, ...]
    statistics: tuple[dict[str, np.ndarray], ...]
    frames: torch.Tensor

    def first_frame(self, episode: int) -> int:
        return sum(self.lengths[:episode])

    def episode_frames(self, episode: int) -> torch.Tensor:
        first = self.first_frame(episode)
        return self.frames[first : first + self.lengths[episode]]

    def episode_mean(self, episode: int) -> list[float]:
        return [float(value) for value in self.statistics[episode]["mean"].ravel()]


@pytest.fixture(scope="session")
def sample() -> SampleVideo:
    """The sample video, all of it decoded in one go with PyAV alone."""
    path = SAMPLE / "videos" / CAMERA / "chunk-000" / "file-000.mp4"
    with av.open(path) as container:
        frames = np.stack(
            [frame.to_ndarray(format="gbrp", interpolation=int(TO_RGB)) for frame in container.decode(video=0)]
        )
    episodes = pq.read_table(SAMPLE / "meta" / "episodes" / "chunk-000" / "file-000.parquet").to_pylist()
    prefix = f"stats/{CAMERA}/"
    return SampleVideo(
        path=path,
        fps=10,
        lengths=tuple(row["length"] for row in episodes),
        statistics=tuple(
            {name.removeprefix(prefix): np.array(row[name]) for name in row if name.startswith(prefix)}
            for row in episodes
        ),
        frames=torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous(),
    )


@pytest.fixture
def pipelines(sample: SampleVideo) -> Callable[..., list[EpisodeTransform]]:
    """Samples the pipelines of the copies of an episode of the sample."""

    def sampled(episode: int, copies: int = 3, seed: int = 0) -> list[EpisodeTransform]:
        augmentation = Augmentation(copies=copies, seed=seed)
        mean = sample.episode_mean(episode)
        return [
            sample_pipeline(augmentation, camera=CAMERA, episode=episode, copy=copy, episode_mean=mean)
            for copy in range(copies)
        ]

    return sampled


@pytest.fixture
def photo() -> torch.Tensor:
    """uint8 [4, 3, 48, 64]: all values occur in all channels, and neighbours differ."""
    generator = np.random.default_rng(0)
    return torch.from_numpy(generator.integers(0, 256, (4, 3, 48, 64), dtype=np.uint8))


def moving_scene(frames: int, height: int, width: int) -> torch.Tensor:
    """uint8 [frames, 3, height, width]: a smooth scene with a moving square, which video codecs compress well."""
    rows, columns = np.mgrid[0:height, 0:width]
    scene = np.empty((frames, 3, height, width), np.uint8)
    for index in range(frames):
        scene[index, 0] = 40 + 150 * columns // width
        scene[index, 1] = 60 + 150 * rows // height
        scene[index, 2] = 80 + 100 * (columns + rows) // (height + width)
        left = (3 * index) % (width // 2)
        scene[index, :, height // 4 : height // 2, left : left + width // 4] = np.array([[[200]], [[90]], [[40]]])
    return torch.from_numpy(scene)


def psnr(first: torch.Tensor, second: torch.Tensor) -> float:
    """Peak signal to noise ratio of 8-bit pixels, dB."""
    error = (first.double() - second.double()).square().mean().item()
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)
