"""Same seed, same pixels: all transforms, whole jobs, any number of shards, any device."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from augmentation_api.transforms import TransformName
from augmentation_worker.formats.port import PixelHashes
from augmentation_worker.local.reproduce import recorded_in
from augmentation_worker.settings import Device
from tests.integration.worker.conftest import FIXTURES
from tests.integration.worker.jobs import local_run, spec_of

SOURCE = FIXTURES / "pusht_v30"
EPISODES = 6
Made = Callable[..., PixelHashes]
# All that need no mask, which this dataset does not have.
TRANSFORMS = [name for name in TransformName if name is not TransformName.BACKGROUND]


@pytest.fixture
def digests(tmp_path: Path) -> Made:
    """Hashes of the pixels of a job with all transforms, before encoding."""

    def run(shards: int, device: Device = "cpu", seed: int = 7) -> PixelHashes:
        name = f"{shards}-{device}-{seed}"
        spec = spec_of("unused/unused", transforms=TRANSFORMS, copies=1, seed=seed)
        job = local_run(tmp_path / f"job-{name}", "http://127.0.0.1:9", None, spec)
        output = tmp_path / f"result-{name}"
        job.with_settings(source_folder=SOURCE, output_folder=output, device=device).run_all(shards)
        return recorded_in(output).hashes

    return run


def test_number_of_shards_does_not_change_pixels(digests: Made) -> None:
    one = digests(1)
    assert len(one) == len(set(one.values())) == EPISODES
    assert digests(2) == one
    assert digests(7) == one  # more than there are episodes


def test_another_seed_gives_other_pixels(digests: Made) -> None:
    assert not set(digests(1).values()) & set(digests(1, seed=8).values())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: a whole job on CUDA is not compared with the CPU's")
def test_cuda_gives_same_pixels_as_cpu(digests: Made) -> None:
    assert digests(2, "cuda") == digests(1, "cpu")
