"""Noise judged by its statistics, its generator by the published answers, its kernel by its twin."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from augmentation_worker.transforms.cpu import noise_kernels
from augmentation_worker.transforms.cpu.quantile_pairs import pair_quantiles
from augmentation_worker.transforms.kernels_in_torch import add_noise_in_torch, philox_in_torch
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.noise import Noise, gaussian_table

HEIGHT, WIDTH = 120, 160


def flat(value: int, frames: int = 4) -> torch.Tensor:
    return torch.full((frames, 3, HEIGHT, WIDTH), value, dtype=torch.uint8)


def noisy(frames: torch.Tensor, kind: str, strength: float, episode: int = 0, first_frame: int = 0) -> torch.Tensor:
    noise = Noise(kind, (strength, strength), (strength, strength), random=KeyedRandom(0, "top", episode, 0, "noise"))
    made: torch.Tensor = noise.transform(frames, {**noise.make_params([]), "first_frame": first_frame})
    return made


def difference(kind: str, strength: float, value: int, frames: int = 4) -> np.ndarray:
    return noisy(flat(value, frames), kind, strength).numpy().astype(np.float64) - value


def words_of(key: tuple[int, int], frame: int, start: int, count: int) -> NDArray[np.uint32]:
    """Words [4, count] of the blocks from `start` on, of the kernel."""
    numbers = np.empty((8, count), np.uint16)
    noise_kernels.philox_numbers(np.uint32(key[0]), np.uint32(key[1]), np.uint32(frame), start, count, numbers)
    halves = numbers.astype(np.uint32)
    words: NDArray[np.uint32] = halves[0::2] | halves[1::2] << np.uint32(16)
    return words


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        # Known answers of Philox4x32-10: Random123, tests/kat_vectors (D. E. Shaw Research).
        ((0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ],
)
def test_the_generator_gives_the_published_answers(
    counter: tuple[int, int], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    assert tuple(int(word) for word in words_of(key, counter[1], counter[0], 1)[:, 0]) == expected
    in_torch = philox_in_torch(torch.tensor([counter[0]]), counter[1], key)
    assert tuple(int(word) for word in in_torch) == expected


def test_the_generator_agrees_with_its_twin_over_keys_blocks_and_frames() -> None:
    keys = np.random.default_rng(0).integers(0, 2**32, (20, 2))
    for frame, (key0, key1) in enumerate(keys.tolist()):
        twin = torch.stack(philox_in_torch(torch.arange(5, 105), frame, (key0, key1)))
        assert (twin.numpy() == words_of((key0, key1), frame, 5, 100)).all()


def test_quantiles_of_all_numbers_are_those_of_the_table() -> None:
    numbers = np.random.default_rng(0).permutation(1 << 16).astype(np.uint16)
    quantiles = np.empty(1 << 16, np.int16)
    noise_kernels.look_up_quantiles(numbers, pair_quantiles(gaussian_table()), quantiles)
    assert np.array_equal(quantiles, gaussian_table()[numbers])


def test_table_whose_neighbours_are_far_apart_or_that_is_not_symmetric_has_no_pairs() -> None:
    with pytest.raises(ValueError, match="symmetric"):
        pair_quantiles(np.int16(3) * (gaussian_table() // np.int16(2)))
    with pytest.raises(ValueError, match="symmetric"):
        pair_quantiles(gaussian_table() + np.int16(1))


@pytest.mark.parametrize("sigma", [1.0, 5.0, 15.0, 25.0])
def test_gaussian_noise_has_mean_zero_and_the_sigma_asked_for(sigma: float) -> None:
    noise = difference("gaussian", sigma, 128)
    assert abs(noise.mean()) < 4 * sigma / np.sqrt(noise.size)
    # Rounding to whole values adds 1/12.
    assert noise.var() == pytest.approx(sigma**2 + 1 / 12, rel=0.02)


def test_gaussian_noise_is_gaussian_in_its_tails() -> None:
    noise = difference("gaussian", 20.0, 128, frames=8) / 20
    for limit, share in ((1, 0.3173), (2, 0.0455), (3, 0.0027)):
        # Between whole values: half a step of 1/20 to each side.
        assert (np.abs(noise) > limit - 0.025).mean() == pytest.approx(share, rel=0.15)
    assert abs((noise**3).mean()) < 0.03
    assert (noise**4).mean() == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("value", [20, 60, 120, 200])
def test_the_variance_of_shot_noise_grows_with_the_signal(value: int) -> None:
    noise = difference("shot", 0.8, value)
    assert abs(noise.mean()) < 0.15
    assert noise.var() == pytest.approx(0.8 * value + 1 / 12, rel=0.03)


def test_black_gets_no_shot_noise() -> None:
    assert (difference("shot", 10.0, 0) == 0).all()


def test_neighbours_channels_and_frames_are_not_correlated() -> None:
    noise = difference("gaussian", 15.0, 128)

    def correlation(first: np.ndarray, second: np.ndarray) -> float:
        return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])

    limit = 4.5 / np.sqrt(noise.size / 4)
    assert abs(correlation(noise[..., 1:], noise[..., :-1])) < limit
    assert abs(correlation(noise[..., 1:, :], noise[..., :-1, :])) < limit
    assert abs(correlation(noise[:, 0], noise[:, 1])) < limit
    assert abs(correlation(noise[:-1], noise[1:])) < limit


def test_every_frame_of_an_episode_gets_noise_of_its_own_and_always_the_same() -> None:
    frames = noisy(flat(128), "gaussian", 10)
    assert not torch.equal(frames[0], frames[1])
    assert torch.equal(noisy(flat(128, 2), "gaussian", 10, first_frame=2), frames[2:])
    assert not torch.equal(noisy(flat(128), "gaussian", 10, episode=1), frames)


@pytest.mark.parametrize(
    "shape", [(2, 3, 5, 7), (1, 3, 64, 64), (3, 3, 33, 31), (2, 3, 35, 39), (2, 3, 80, 96), (1, 3, 96, 130)]
)
@pytest.mark.parametrize(
    ("kind", "strength"),
    [("gaussian", 3), ("gaussian", 15), ("gaussian", 25), ("gaussian", 100), ("shot", 1), ("shot", 10)],
)
def test_the_kernel_and_its_twin_give_the_same_pixels(shape: tuple[int, ...], kind: str, strength: float) -> None:
    frames = torch.from_numpy(np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8))
    noise = Noise(kind, (strength, strength), (strength, strength), random=KeyedRandom(3, "top", 0, 0, "noise"))
    params = {**noise.make_params([]), "first_frame": 1000}
    twin = add_noise_in_torch(frames, params["noise"].key, 1000, params["table"], params["strength"])
    assert torch.equal(noise.transform(frames, params), twin)


def test_the_table_is_symmetric_and_reaches_four_sigmas() -> None:
    table = gaussian_table().astype(np.int64)
    assert (table == -table[::-1]).all()
    assert table.max() / 4096 == pytest.approx(4.3, abs=0.05)
    assert (table.astype(np.float64) ** 2).mean() / 4096**2 == pytest.approx(1, abs=2e-3)


def test_mixed_samples_both_kinds_and_a_named_kind_gets_the_same_values() -> None:
    def params(kind: str, copy: int) -> Any:
        return Noise(kind, random=KeyedRandom(0, "top", 0, copy, "noise")).make_params([])["noise"]

    mixed = [params("mixed", copy) for copy in range(20)]
    assert {noise.kind for noise in mixed} == {"gaussian", "shot"}
    assert all(params(noise.kind, copy) == noise for copy, noise in enumerate(mixed))
