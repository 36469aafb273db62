"""Noise of every random number there is, and random words, as the kernels make them: on a GPU where there is one."""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from augmentation_worker.transforms.cuda.noise_kernels import binned_noise, random_words
from augmentation_worker.transforms.cuda.normal_bins import NormalBins, bits_of
from augmentation_worker.transforms.kernels_in_torch import philox_in_torch
from augmentation_worker.transforms.noise import NoiseParameters

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
pytestmark = [pytest.mark.gpu] if DEVICE.type == "cuda" else []


@triton.jit
def noise_of_all(words, entries, low, high, bits: tl.constexpr):
    place = tl.arange(0, 16)[:, None] + 16 * tl.arange(0, 2048)[None, :]
    table = tl.load(entries + tl.arange(0, 32 << bits))
    of_low, of_high = binned_noise(tl.load(words + place).to(tl.uint32, bitcast=True), table, bits)
    tl.store(low + place, of_low)
    tl.store(high + place, of_high)


@triton.jit
def words_of(result, frame, key0, key1, count: tl.constexpr):
    counter = tl.arange(0, count)
    words = random_words(counter.to(tl.uint32), frame.to(tl.uint32), key0.to(tl.uint32), key1.to(tl.uint32))
    for place in tl.static_range(4):
        tl.store(result + place * count + counter, words[place].to(tl.int32, bitcast=True))


@pytest.mark.parametrize("sigma", [0.0, 12.0, 21.5, 28.0, 60.0, 100.0])
def test_every_random_number_has_the_noise_of_the_table(sigma: float) -> None:
    table = NoiseParameters("gaussian", sigma, 0.0, (1, 2)).table()
    bins = NormalBins([table])
    numbers = np.random.default_rng(1).permutation(1 << 16).astype(np.uint32).reshape(2, -1)
    words = torch.from_numpy((numbers[0] | numbers[1] << 16).view(np.int32)).to(DEVICE)
    low, high = torch.empty_like(words), torch.empty_like(words)
    entries = torch.from_numpy(bins.entries).to(DEVICE)
    noise_of_all[(1,)](words, entries, low, high, bits=bits_of(bins.entries))
    assert np.array_equal(low.cpu().numpy(), table[numbers[0]])
    assert np.array_equal(high.cpu().numpy(), table[numbers[1]])


def test_a_stronger_noise_takes_more_bins_for_all_copies() -> None:
    weak, strong = (NoiseParameters("gaussian", sigma, 0.0, (1, 2)).table() for sigma in (3.0, 100.0))
    assert [bits_of(NormalBins(tables).entries) for tables in ([weak], [weak, strong])] == [3, 7]


def test_a_table_that_falls_is_refused() -> None:
    with pytest.raises(ValueError, match="must not fall"):
        NormalBins([NoiseParameters("gaussian", 9.0, 0.0, (1, 2)).table()[::-1].copy()])


def test_random_words_are_those_of_the_cpu() -> None:
    key, frame, count = (0x9E3779B9, 0xFFFFFFF1), 70_000, 256
    result = torch.empty((4, count), dtype=torch.int32, device=DEVICE)
    words_of[(1,)](result, frame, *key, count=count)
    expected = torch.stack(philox_in_torch(torch.arange(count), frame, key)).numpy()
    assert np.array_equal(result.cpu().numpy().view(np.uint32), expected)
