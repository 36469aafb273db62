"""Four bytes of a register at once, in PTX: what Triton has no words for. Each has a plain twin, of the same bits.

The twins are for Triton's interpreter, which knows no PTX. NVIDIA's PTX ISA, "cvt.pack", "prmt" and "lop3", says what
the instructions do; all GPUs from compute capability 7.2 on have them.
"""

import triton
import triton.language as tl

SATURATE: tl.constexpr = tl.constexpr(
    """{
    .reg .b32 upper;
    cvt.pack.sat.u8.s32.b32 upper, $4, $3, 0;
    cvt.pack.sat.u8.s32.b32 $0, $2, $1, upper;
    }"""
)
PLACES: tl.constexpr = tl.constexpr(
    """
    prmt.b32 $0, $4, $5, 0x5540;
    prmt.b32 $1, $4, $6, 0x5541;
    prmt.b32 $2, $4, $7, 0x5542;
    prmt.b32 $3, $4, $8, 0x5543;
    """
)
CHOOSE: tl.constexpr = tl.constexpr("lop3.b32 $0, $1, $2, $3, 0xD8;")


@triton.jit
def saturate(values, plain: tl.constexpr):
    """int32 values, clipped to 0..255, as uint8: half an instruction each, instead of two and those that pack them."""
    if plain:
        return tl.minimum(tl.maximum(values, 0), 255).to(tl.uint8)
    return tl.inline_asm_elementwise(
        SATURATE,
        "=r,r,r,r,r",
        [values],
        dtype=tl.uint8,
        is_pure=True,
        pack=4,
    )


@triton.jit
def places(values, channels, plain: tl.constexpr):
    """Where uint8 values are in a table of 256 for each channel, int32: a byte and its channel are put together."""
    if plain:
        return values.to(tl.int32) + channels * 256
    return tl.inline_asm_elementwise(
        PLACES,
        "=r,=r,=r,=r,r,r,r,r,r",
        [values, channels],
        dtype=tl.int32,
        is_pure=True,
        pack=4,
    )


@triton.jit
def choose(values, others, where, plain: tl.constexpr):
    """uint8 values, or others where `where` is 255 instead of 0: four at once."""
    if plain:
        return (values & (where ^ 255)) | (others & where)
    return tl.inline_asm_elementwise(CHOOSE, "=r,r,r,r", [values, others, where], dtype=tl.uint8, is_pure=True, pack=4)
