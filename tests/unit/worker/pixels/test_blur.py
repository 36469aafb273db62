"""Blur against plain convolutions and torchvision's own gaussian."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from augmentation_worker.transforms.blur import Blur, BlurParameters
from augmentation_worker.transforms.kernels_in_torch import blur_in_torch
from augmentation_worker.transforms.keyed_random import KeyedRandom


def blurred(frames: torch.Tensor, parameters: BlurParameters) -> torch.Tensor:
    made: torch.Tensor = Blur().transform(frames, {"blur": parameters})
    return made


def motion(length: int, angle: float) -> BlurParameters:
    return BlurParameters("motion", length, angle, 1.0)


def defocus(sigma: float) -> BlurParameters:
    return BlurParameters("defocus", 3, 0.0, sigma)


def convolved(frame: np.ndarray, taps: list[tuple[int, int, float]]) -> np.ndarray:
    """float64 [3, H, W], the border repeated: a convolution written plainly."""
    reach = max(max(abs(row), abs(column)) for row, column, _ in taps)
    padded = np.pad(frame.astype(np.float64), ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    height, width = frame.shape[1:]
    shifted = (
        weight * padded[:, reach + row : reach + row + height, reach + column : reach + column + width]
        for row, column, weight in taps
    )
    total: np.ndarray = np.sum([*shifted], axis=0)
    return total


@pytest.mark.parametrize("length", [3, 5, 9, 15, 101])
@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 135.0])
def test_motion_blur_is_the_mean_along_a_line(photo: torch.Tensor, length: int, angle: float) -> None:
    radians = np.deg2rad(angle)
    steps = range(-(length // 2), length // 2 + 1)
    taps = [(-_rounded(k * np.sin(radians)), _rounded(k * np.cos(radians)), 1 / length) for k in steps]
    expected = convolved(photo[0].numpy(), taps)
    assert np.abs(blurred(photo[:1], motion(length, angle))[0].numpy() - expected).max() <= 0.51


def _rounded(value: float) -> int:
    return int(np.copysign(np.floor(abs(value) + 0.5), value))


@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.7, 2.5])
def test_defocus_is_torchvisions_gaussian_blur(sigma: float) -> None:
    scene = functional.gaussian_blur(torch.rand(1, 3, 96, 96) * 255, [9, 9], [2.0, 2.0]).to(torch.uint8)
    size = 2 * int(np.ceil(3 * sigma)) + 1
    theirs = functional.gaussian_blur(scene, [size, size], [sigma, sigma])
    # torchvision mirrors the border, which is repeated here; weights are 1/256ths here.
    inside = (..., slice(size, -size), slice(size, -size))
    error = (blurred(scene, defocus(sigma))[inside].int() - theirs[inside].int()).abs()
    assert error.max() <= 2
    assert error.float().mean() < 0.6


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.5, 8.0, 20.0])
def test_the_weights_of_defocus_have_the_sigma_asked_for_and_sum_to_one(sigma: float) -> None:
    weights = defocus(sigma).weights.astype(np.float64)
    assert weights[0] + 2 * weights[1:].sum() == 256
    variance = 2 * (weights[1:] * np.arange(1, len(weights)) ** 2).sum() / 256
    assert np.sqrt(variance) == pytest.approx(sigma, rel=0.06)


def test_no_neighbour_weighs_more_than_the_kernel_multiplies_pairs_of_bytes_by() -> None:
    sigmas = [*np.arange(0.1, 4, 0.001), 20.0, 100.0]
    assert max(int(defocus(sigma).weights[1:].max(initial=0)) for sigma in sigmas) in range(60, 65)


@pytest.mark.parametrize("parameters", [motion(15, 40.0), motion(101, 5.0), defocus(1.0), defocus(2.5), defocus(20.0)])
@pytest.mark.parametrize("value", [0, 1, 127, 255])
@pytest.mark.parametrize("width", [50, 150])
def test_a_flat_image_stays_as_it_is(parameters: BlurParameters, value: int, width: int) -> None:
    flat = torch.full((1, 3, 40, width), value, dtype=torch.uint8)
    assert torch.equal(blurred(flat, parameters), flat)


@pytest.mark.parametrize(
    "parameters", [motion(3, 10.0), motion(13, 75.0), motion(101, 170.0), *map(defocus, (0.5, 1.0, 6.0, 20.0))]
)
@pytest.mark.parametrize(
    "size", [(48, 64), (5, 9), (33, 17), (3, 31), (3, 32), (3, 63), (7, 65), (2, 130), (1, 1), (4, 2), (2, 7)]
)
def test_the_kernel_and_its_twin_give_the_same_pixels(parameters: BlurParameters, size: tuple[int, int]) -> None:
    frames = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (2, 3, *size), dtype=np.uint8))
    assert torch.equal(blurred(frames, parameters), blur_in_torch(frames, parameters))


def test_the_same_blur_for_every_frame(photo: torch.Tensor) -> None:
    still = photo[:1].expand(3, -1, -1, -1)
    result = blurred(still, motion(9, 20.0))
    assert torch.equal(result[0], result[2])


@pytest.mark.parametrize(("low", "high"), [(5, 15), (4, 4), (6, 7), (3, 3), (100, 101)])
def test_the_sampled_length_is_odd_and_near_its_range(low: int, high: int) -> None:
    lengths = {
        Blur("motion", (low, high), random=KeyedRandom(0, "top", 0, copy, "blur")).make_params([])["blur"].motion_length
        for copy in range(60)
    }
    assert all(length % 2 == 1 for length in lengths)
    assert min(lengths) >= low - 1
    assert max(lengths) <= high
    assert lengths >= {5, 15} if (low, high) == (5, 15) else lengths
