"""What the PTX of `packed_byte_kernels` does, by NVIDIA's PTX ISA, against its plain twins: no interpreter runs it."""

import re
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from augmentation_worker.transforms.cuda import packed_byte_kernels

Register = NDArray[np.uint32]


def run_ptx(text: str, outputs: int, inputs: list[Register]) -> list[Register]:
    """The registers that inline PTX writes: `$0` and on are its outputs, then its inputs."""
    registers = {f"${outputs + place}": values for place, values in enumerate(inputs)}
    for line in text.split(";"):
        if not (found := re.match(r"[\s{]*(cvt\.pack\.sat\.u8\.s32\.b32|prmt\.b32|lop3\.b32)\s+(.*)", line)):
            assert re.fullmatch(r"[\s{}]*(\.reg \.b32 \w+)?[\s{}]*", line), line
            continue
        target, *names = (each.strip() for each in found[2].split(","))
        operands = [registers[name] if name in registers else np.uint32(int(name, 0)) for name in names]
        registers[target] = INSTRUCTIONS[found[1].split(".")[0]](*operands)
    return [registers[f"${place}"] for place in range(outputs)]


def _cvt_pack(a: Register, b: Register, c: Register) -> Register:
    """cvt.pack.sat.u8.s32.b32: the lower half of c, then a and b as bytes, clipped; b is the lowest."""
    first, second = (values.view(np.int32).clip(0, 255).astype(np.uint32) for values in (a, b))
    return (np.uint32(c) << np.uint32(16)) | (first << np.uint32(8)) | second


def _prmt(a: Register, b: Register, selector: np.uint32) -> Register:
    """prmt.b32: each nibble of the selector chooses one of the bytes of a (0 to 3) and b (4 to 7)."""
    result = np.zeros_like(a)
    for place in range(4):
        nibble = int(selector) >> (4 * place) & 0xF
        assert nibble < 8, "the others repeat a sign"
        byte = ((a if nibble < 4 else b) >> np.uint32(8 * (nibble % 4))) & np.uint32(0xFF)
        result |= byte << np.uint32(8 * place)
    return result


def _lop3(a: Register, b: Register, c: Register, table: np.uint32) -> Register:
    """lop3.b32: the bit of the table whose number has the bits of a, b and c, a the highest."""
    result = np.zeros_like(a)
    for number in range(8):
        if int(table) >> number & 1:
            result |= (a if number & 4 else ~a) & (b if number & 2 else ~b) & (c if number & 1 else ~c)
    return result


INSTRUCTIONS: Mapping[str, Callable[..., Register]] = {"cvt": _cvt_pack, "prmt": _prmt, "lop3": _lop3}


def packed(values: NDArray[np.uint8]) -> Register:
    return np.ascontiguousarray(values).reshape(-1, 4).view("<u4")[:, 0].astype(np.uint32)


def test_saturate_clips_and_packs_four_values_in_their_order() -> None:
    values = np.concatenate([np.arange(-70000, 70000), [-(2**31), 2**31 - 1, 0, 255]]).astype(np.int32)
    columns = [np.ascontiguousarray(column).view(np.uint32) for column in values.reshape(-1, 4).T]
    (result,) = run_ptx(packed_byte_kernels.SATURATE.value, 1, columns)
    assert np.array_equal(result, packed(values.clip(0, 255).astype(np.uint8)))


def test_places_are_bytes_and_their_channels() -> None:
    values = np.random.default_rng(1).permutation(np.repeat(np.arange(256, dtype=np.uint8), 12))
    channels = np.random.default_rng(2).integers(0, 3, len(values), dtype=np.uint32)
    columns = [np.ascontiguousarray(column) for column in channels.reshape(-1, 4).T]
    result = np.stack(run_ptx(packed_byte_kernels.PLACES.value, 4, [packed(values), *columns]), axis=-1).ravel()
    assert np.array_equal(result, values + 256 * channels)


def test_choose_takes_others_where_all_bits_are_set() -> None:
    values, others = (np.random.default_rng(seed).integers(0, 256, 4096, dtype=np.uint8) for seed in (3, 4))
    where = np.random.default_rng(5).choice(np.array([0, 255], np.uint8), 4096)
    (result,) = run_ptx(packed_byte_kernels.CHOOSE.value, 1, [packed(values), packed(others), packed(where)])
    assert np.array_equal(result, packed(np.where(where == 255, others, values)))


def test_ptx_that_the_emulation_does_not_know_is_an_error() -> None:
    with pytest.raises(AssertionError):
        run_ptx("mul.lo.u32 $0, $1, $1;", 1, [np.zeros(4, np.uint32)])
