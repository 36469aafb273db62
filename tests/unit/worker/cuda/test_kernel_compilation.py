"""Every kernel compiles for the GPUs that the project names, by Triton's compiler and ptxas: no GPU is needed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMPILER = Path(__file__).parent / "kernel_compiler.py"
CAPABILITY = 90
"""H100 and H200. All three take half a minute: `python tests/unit/worker/cuda/kernel_compiler.py` compiles for them."""
FUSED = (
    "lighting, noise, occlusion",
    "shot noise, shadow",
    "hue, shadow, occlusion behind a mask",
    "background, lighting",
)
VALUES_OF_A_THREAD = PIXELS_OF_A_THREAD = 128
RESIDENT_REGISTERS = 168
"""With as many a processor of 65,536 registers still holds 12 warps."""


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    told = subprocess.run(
        [sys.executable, str(COMPILER), "--json", str(CAPABILITY)],
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    printed: dict[str, Any] = json.loads(told.stdout)
    return printed


@pytest.fixture
def compiled(results: dict[str, Any]) -> dict[str, Any]:
    kernels: dict[str, Any] = results["kernels"]
    return kernels


def test_no_kernel_spills_registers(compiled: dict[str, Any]) -> None:
    assert {name: result["spills"] for name, result in compiled.items() if result["spills"]} == {}
    assert {name for name, result in compiled.items() if result["registers"] > RESIDENT_REGISTERS} == set()


@pytest.mark.parametrize("name", FUSED)
def test_fused_passes_load_and_store_sixteen_bytes_at_once(compiled: dict[str, Any], name: str) -> None:
    accesses = compiled[name]["accesses"]
    assert "ld.global.v4.b32" in accesses
    assert [access for access in accesses if access.startswith("st")] == ["st.global.v4.b32"]


@pytest.mark.parametrize("name", FUSED)
def test_in_fused_passes_a_thread_keeps_its_values(compiled: dict[str, Any], name: str) -> None:
    # Triton would exchange them through shared memory, at several times the cost of the arithmetic.
    assert compiled[name]["exchanges"] == 0


def test_lighting_noise_and_occlusion_take_twenty_instructions_a_value(compiled: dict[str, Any]) -> None:
    # An H200 issues about 128 a clock on each processor, while a copy within its memory moves 8 values there.
    executed = compiled["lighting, noise, occlusion"]["instructions"]
    assert executed["least"] < 20 * VALUES_OF_A_THREAD
    assert executed["most"] < 22 * VALUES_OF_A_THREAD
    assert executed["ALU"] < 11 * VALUES_OF_A_THREAD


def test_the_compiler_takes_the_instructions_that_were_meant(compiled: dict[str, Any]) -> None:
    result = compiled["lighting, noise, occlusion"]
    assert result["packs"] == VALUES_OF_A_THREAD // 2
    # Two in each of Philox's ten rounds for eight values, of which the first are of constants; none by halves.
    assert 0.8 < result["products"] / (20 * VALUES_OF_A_THREAD // 8) <= 1


def test_yuv_is_made_in_one_pass(compiled: dict[str, Any]) -> None:
    for name in ("to YUV", "to YUV, NV12"):
        assert "ld.global.v4.b32" in compiled[name]["accesses"]
        assert "st.global.b8" not in compiled[name]["accesses"]
        assert compiled[name]["exchanges"] == 0
        assert compiled[name]["instructions"]["most"] < 25 * PIXELS_OF_A_THREAD


def test_neighbours_are_stored_four_at_once(compiled: dict[str, Any]) -> None:
    stores = {
        name: [access for access in result["accesses"] if access.startswith("st")]
        for name, result in compiled.items()
        if name not in FUSED and not name.startswith("to ")
    }
    assert stores.pop("weigh_columns_in_words") == ["st.global.v2.b32"]
    assert stores.pop("weigh_columns") == ["st.global.v2.b32"]
    assert set(map(tuple, stores.values())) == {("st.global.b32",)}


def test_launches_compile_with_the_arguments_that_they_have(results: dict[str, Any]) -> None:
    launches = results["launches"]
    (fused,) = launches["lighting, noise, occlusion, 16 frames"]
    assert (fused["kernel"], fused["stores"], fused["limit"]) == ("change_values", ["st.global.v4.b32"], 168)
    kernels = [each["kernel"] for each in launches["hue, sharpness, 16 frames"]]
    assert kernels == ["change_pixels", "sharpen", "sharpen", "sharpen"]
    assert launches["to NV12"][0]["stores"] == ["st.global.v4.b32"]
    assert [each["kernel"] for each in launches["from NV12"]] == ["to_rgb"]
    # The last batch of an episode has fewer frames than the others: nothing is compiled for it.
    last = [each for name, launched in launches.items() if name.endswith("13 frames") for each in launched]
    assert len(last) == 5
    assert all(each["known"] for each in last)
