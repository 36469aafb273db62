"""What kernels do by whole vectors is what their own loops do: every value, any length, any kind of processor."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from augmentation_worker.transforms.cpu import kernels
from augmentation_worker.transforms.cpu.kernel_target import KERNEL_TARGETS, kernel_target
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.noise import Noise

TABLES = np.random.default_rng(0).integers(0, 256, (3, 256), dtype=np.uint8)
NO_PAIRS = np.empty((3, 0), np.uint16)

ON_ANOTHER_KIND = """
import sys
import numpy as np
from tests.unit.worker.pixels.test_vector_lookup import changed
np.savez(sys.argv[1], **changed())
"""


def values(length: int) -> NDArray[np.uint8]:
    """uint8 [2, 3, length]: all 256 values, as far as there is room, in any order."""
    ordered = np.resize(np.arange(256, dtype=np.uint8), (2, 3, length))
    return np.random.default_rng(length).permuted(ordered, axis=2)


def changed() -> dict[str, NDArray[np.uint8]]:
    """The result of every kernel that has vectors of its own."""
    frames = values(64 * 9 + 5)
    looked_up = np.empty_like(frames)
    kernels.look_up(frames, looked_up, TABLES, NO_PAIRS)
    made = {"look_up": looked_up}
    for kind, strength in (("gaussian", 9.0), ("gaussian", 9.37), ("gaussian", 20.0), ("shot", 0.5)):
        noise = Noise(kind, (strength, strength), (strength, strength), random=KeyedRandom(0, "top", 0, 0, "noise"))
        made[f"{kind} {strength}"] = np.asarray(
            noise.apply(frames[:, :, None], {**noise.make_params([]), "first_frame": 3})
        )
    return made


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 128, 191, 5000])
def test_every_value_of_a_row_of_any_length_is_looked_up(length: int) -> None:
    frames = values(length)
    result = np.full_like(frames, 7)
    kernels.look_up(frames, result, TABLES, NO_PAIRS)
    expected = np.stack([table[frames[:, channel]] for channel, table in enumerate(TABLES)], axis=1)
    assert np.array_equal(result, expected)


def test_values_are_looked_up_in_place() -> None:
    frames = values(1000)
    expected = np.empty_like(frames)
    kernels.look_up(frames, expected, TABLES, NO_PAIRS)
    kernels.look_up(frames, frames, TABLES, NO_PAIRS)
    assert np.array_equal(frames, expected)


def test_code_for_slower_kinds_of_this_processor_gives_the_same(tmp_path: Path) -> None:
    own = kernel_target()
    slower = KERNEL_TARGETS[KERNEL_TARGETS.index(own) + 1 :] if own else ()
    if not slower:
        pytest.skip("kernels are compiled for no slower kind that this processor is of")
    expected = changed()
    for target in slower:
        result = tmp_path / f"{target.name}.npz"
        command = [sys.executable, "-c", ON_ANOTHER_KIND, str(result)]
        subprocess.run(command, env={**os.environ, **target.environment()}, check=True)
        made = np.load(result)
        assert all(np.array_equal(made[name], expected[name]) for name in expected)
