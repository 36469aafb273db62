"""Parts of the kernels for noise: random words, and the noise of the 16-bit halves of a word."""

import triton
import triton.language as tl

from augmentation_worker.transforms.cpu import kernels
from augmentation_worker.transforms.cuda import normal_bins
from augmentation_worker.transforms.cuda.shared_table_kernels import of_both

_MULTIPLIER0: tl.constexpr = tl.constexpr(kernels.PHILOX_MULTIPLIERS[0])
_MULTIPLIER1: tl.constexpr = tl.constexpr(kernels.PHILOX_MULTIPLIERS[1])
_WEYL0: tl.constexpr = tl.constexpr(kernels.PHILOX_WEYL[0])
_WEYL1: tl.constexpr = tl.constexpr(kernels.PHILOX_WEYL[1])
_ROUNDS: tl.constexpr = tl.constexpr(kernels.PHILOX_ROUNDS)
_FRACTION_BITS: tl.constexpr = tl.constexpr(kernels.FRACTION_BITS)
_FRACTION_HALF: tl.constexpr = tl.constexpr(1 << (kernels.FRACTION_BITS - 1))
_FLOAT_FRACTION_BITS: tl.constexpr = tl.constexpr(normal_bins.FLOAT_FRACTION_BITS)
_ONE: tl.constexpr = tl.constexpr(normal_bins.ONE)
_EXACT_FLOAT: tl.constexpr = tl.constexpr(normal_bins.EXACT_FLOAT)
_ZERO: tl.constexpr = tl.constexpr(normal_bins.ZERO)
_UPPER_SCALE: tl.constexpr = tl.constexpr(normal_bins.UPPER_SCALE)
_HALF: tl.constexpr = tl.constexpr(normal_bins.HALF)


@triton.jit
def random_words(counter, frame, key0, key1):
    """Four words uint32 of the Philox4x32-10 blocks with the counters (counter, frame, 0, 0).

    Each product is one of 64 bits, for which a GPU has one instruction; Triton's own asks for its halves apart.
    """
    word0, word1, word2, word3 = counter, counter * 0 + frame, counter * 0, counter * 0
    for _ in tl.static_range(_ROUNDS):
        product0 = word0.to(tl.uint64) * _MULTIPLIER0
        product1 = word2.to(tl.uint64) * _MULTIPLIER1
        word0 = (product1 >> 32).to(tl.uint32) ^ word1 ^ key0
        word2 = (product0 >> 32).to(tl.uint32) ^ word3 ^ key1
        word1, word3 = product1.to(tl.uint32), product0.to(tl.uint32)
        key0 += _WEYL0
        key1 += _WEYL1
    return word0, word1, word2, word3


@triton.jit
def binned_noise(word, entries, bits: tl.constexpr):
    """Noise int32 of the lower and the upper 16 bits of words, by entries [32 * 2**bits] of NormalBins."""
    # As a float 2**23 + n, n the random number with its first bit turned.
    low = ((word & 0xFFFF) ^ (_EXACT_FLOAT + _HALF)).to(tl.int32, bitcast=True)
    high = (word.to(tl.int32, bitcast=True) >> 16) + (_EXACT_FLOAT + _HALF)
    low_entry, high_entry = of_both(entries, _bin(low, bits), _bin(high, bits))
    return (low_entry + low) >> 16, (high_entry + high) >> 16


@triton.jit
def _bin(number, bits: tl.constexpr):
    exact = number.to(tl.float32, bitcast=True)
    # In the lower half of the random numbers the first is greater: how far they are from the end, at least 1. In the
    # upper half the second, which is 2**16 times as far. No step rounds.
    of_lower = exact - (_ZERO - 1.0)
    of_upper = exact * -_UPPER_SCALE + _ZERO * _UPPER_SCALE
    fields = tl.maximum(of_lower, of_upper).to(tl.int32, bitcast=True)
    return (fields >> (_FLOAT_FRACTION_BITS - bits)) - (_ONE << bits)


@triton.jit
def scaled_noise(number, strength, lower_half):
    """Noise int32 of 16-bit random numbers, int32: strengths times the normals, of which the lower half is given."""
    upper = number >> 15
    lower = tl.load(lower_half + (number ^ (upper * 0xFFFF))).to(tl.int32)
    return (strength * ((lower ^ -upper) + upper) + _FRACTION_HALF) >> _FRACTION_BITS
