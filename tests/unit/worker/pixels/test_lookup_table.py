import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from augmentation_worker.transforms.kernels_in_torch import look_up_in_torch
from augmentation_worker.transforms.lookup_table import LookupTable, round_to_uint8


@pytest.fixture
def table() -> LookupTable:
    return LookupTable(np.random.default_rng(1).integers(0, 256, (3, 256), dtype=np.uint8))


def looked_up_one_by_one(table: LookupTable, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    channels = [table.values[channel][frames[..., channel, :, :]] for channel in range(3)]
    return np.stack(channels, axis=-3)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 3, 7, 9), (5, 3, 32, 48), (2, 4, 3, 6, 6), (0, 3, 4, 4)])
def test_every_value_is_looked_up_in_its_channels_table(table: LookupTable, shape: tuple[int, ...]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    result = table.apply(frames)
    assert result.dtype == np.uint8
    assert np.array_equal(result, looked_up_one_by_one(table, frames))
    assert np.array_equal(look_up_in_torch(torch.from_numpy(frames), table.values).numpy(), result)


def test_frames_in_any_memory_layout_give_the_same_pixels(table: LookupTable, photo: torch.Tensor) -> None:
    frames = photo.numpy()
    expected = table.apply(frames)
    channels_last = np.ascontiguousarray(frames.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert np.array_equal(table.apply(channels_last), expected)
    assert np.array_equal(table.apply(frames[:, :, 1:, 1:]), expected[:, :, 1:, 1:])


def test_the_input_is_left_as_it_is(table: LookupTable, photo: torch.Tensor) -> None:
    frames = photo.numpy()
    before = frames.copy()
    table.apply(frames)
    assert np.array_equal(frames, before)


def test_only_uint8_frames_of_three_channels_are_taken(table: LookupTable) -> None:
    with pytest.raises(TypeError, match="float32"):
        table.apply(np.zeros((3, 4, 4), np.float32))  # type: ignore[type-var]
    with pytest.raises(ValueError, match=r"\[1, 4, 4\]"):
        table.apply(np.zeros((1, 4, 4), np.uint8))


def test_halves_round_up_and_the_ends_are_clipped() -> None:
    values = np.array([-3.0, -0.5, 0.49, 0.5, 1.5, 2.5 - 1e-12, 254.5, 400.0])
    assert round_to_uint8(values).tolist() == [0, 0, 0, 1, 2, 3, 255, 255]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: CUDA's pixels are not compared with the CPU's")
def test_cuda_gives_the_same_pixels_as_the_cpu(table: LookupTable, photo: torch.Tensor) -> None:
    assert torch.equal(table.apply(photo.cuda()).cpu(), torch.from_numpy(table.apply(photo.numpy())))
