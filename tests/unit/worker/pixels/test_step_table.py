"""Gaussian noise as steps is that of its table: for all random numbers, at any standard deviation, in every place."""

from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from augmentation_worker.transforms.cpu.noise_vectors import add_noise_of_steps, add_noise_of_two_ends
from augmentation_worker.transforms.cpu.step_table import STEPS_OF_END, look_up_all, step_table
from augmentation_worker.transforms.cpu.vector_lookup import has_vector_lookup
from augmentation_worker.transforms.noise import NoiseParameters

SIGMAS_WITH_TIES = [8.0, 9.0, 12.5, 15.0]
SIGMAS = [0.0, 0.3, 3.0, 9.37, 14.99, 15.6, *SIGMAS_WITH_TIES]
ROWS, BLOCKS = 8, 8192


def table_of(sigma: float) -> NDArray[np.int8]:
    return NoiseParameters("gaussian", sigma, 0.0, (0, 0)).table().astype(np.int8)


@numba.njit
def add_to_row(
    source: NDArray[np.uint8],
    target: NDArray[np.uint8],
    begin: int,
    count: int,
    numbers: NDArray[np.uint16],
    row: int,
    steps: NDArray[np.int16],
) -> Any:
    """How many values have noise."""
    if len(steps) == STEPS_OF_END:
        return add_noise_of_steps(source, target, begin, count, numbers, row, steps)
    return add_noise_of_two_ends(source, target, begin, count, numbers, row, steps)


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("value", [0, 7, 128, 250, 255])
def test_noise_of_all_random_numbers_is_added_by_steps(sigma: float, value: int) -> None:
    table = table_of(sigma)
    numbers = np.random.default_rng(0).permutation(1 << 16).astype(np.uint16).reshape(ROWS, BLOCKS)
    source = np.full(1 << 16, value, np.uint8)
    target = np.full_like(source, 99)
    for row in range(ROWS):
        done = add_to_row(source, target, row * BLOCKS, BLOCKS, numbers, row, step_table(table))
        assert done == (BLOCKS if has_vector_lookup() else 0)
    if has_vector_lookup():
        assert np.array_equal(target, (value + table[numbers.ravel()].astype(np.int64)).clip(0, 255))


@pytest.mark.skipif(not has_vector_lookup(), reason="kernels are compiled for a processor without AVX-512")
@pytest.mark.parametrize("sigma", [9.0, 9.37])
def test_only_whole_vectors_of_the_values_asked_for_are_changed(sigma: float) -> None:
    numbers, source = np.zeros((ROWS, 256), np.uint16), np.full(1000, 128, np.uint8)
    target = np.full_like(source, 99)
    assert add_to_row(source, target, 101, 135, numbers, 3, step_table(table_of(sigma))) == 128
    assert (target[101:229] != 99).all()
    assert (target[:101] == 99).all()
    assert (target[229:] == 99).all()


@pytest.mark.parametrize("sigma", [*SIGMAS, *np.random.default_rng(0).uniform(0, 15, 50)])
def test_steps_of_any_default_strength_are_the_table(sigma: float) -> None:
    table = table_of(sigma)
    assert np.array_equal(look_up_all(step_table(table)), table)


@pytest.mark.parametrize(("sigma", "ends"), [(9.37, 1), *((sigma, 2) for sigma in SIGMAS_WITH_TIES)])
def test_ends_share_steps_unless_noise_lies_halfway_between_values(sigma: float, ends: int) -> None:
    assert len(step_table(table_of(sigma))) == ends * STEPS_OF_END


def test_noise_that_is_too_strong_for_steps_has_none() -> None:
    assert not len(step_table(NoiseParameters("gaussian", 30.0, 0.0, (0, 0)).table()))
