"""Compiles the kernels for GPUs that are not there, and says what became of them.

Triton brings ptxas and a disassembler along: registers, spills, shared memory, instructions a value, and how fast a
GPU could be at best by their number. A process of its own, as the interpreter and the compiler of Triton exclude each
other.

    python tests/unit/worker/cuda/kernel_compiler.py            # tables, for all GPUs
    python tests/unit/worker/cuda/kernel_compiler.py --json 90  # for the tests, for H100 and H200
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from augmentation_worker.media.video import cuda_color_kernels
from augmentation_worker.transforms.cuda import neighbour_kernels, value_kernels
from augmentation_worker.transforms.cuda.fused_copies import REGISTERS, TILE, WIDEST_RUN
from augmentation_worker.transforms.cuda.neighbours import WORDS
from augmentation_worker.transforms.cuda.operation import Kind
from tests.unit.worker.cuda.launch_rehearsal import rehearse
from tests.unit.worker.cuda.machine_code import GPUS, bound, instructions

CAPABILITIES = (80, 89, 90)
"""A100; L4 and L40S; H100 and H200."""
ALIGNED = 16
WARPS = 4
BITS = 4
"""Of the bins of gaussian noise of sigma 13 to 22."""
_OPERANDS = {
    Kind.LOOK_UP: ("*u8",),
    Kind.SCALE: ("*i32",),
    Kind.COVER: ("*u8", "*u8", "*u8"),
    Kind.COVER_BEHIND: ("*u8", "*u8", "*u8", "*u8"),
    Kind.BLEND: ("*u8", "*u8"),
    Kind.ADD_NORMALS: ("*i32", "*i32"),
    Kind.ADD_SCALED_NORMALS: ("*i16", "*i32", "*i32"),
    Kind.MIX: ("*i32",),
}
_SIZES = {"copy_stride": "i32", "pixels": "i32", "blocks": "i32", "frames": "i32", "first_frame": "i32"}
_IMAGE = {"height": "i32", "width": "i32", "rows": 128}
_STRETCHES = ("y_stretch", "y_add", "chroma_stretch", "chroma_add")
_UNALIGNED = (*("frames", "first_frame", "gain", "reach", "count", "reciprocal"), *_STRETCHES)


def _strides(plane: str) -> dict[str, Any]:
    """Of planes whose values follow one another: a stride of one is a constant."""
    return {f"{plane}_frame": "i32", f"{plane}_row": "i32", f"{plane}_column": 1}


KERNELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "average_along": (
        neighbour_kernels.average_along,
        {"source": "*u8", "target": "*u8", "taps": "*i32", "count": "i32", "reciprocal": "i32", **_IMAGE},
    ),
    "weigh_columns": (
        neighbour_kernels.weigh_columns,
        {"source": "*u8", "sums": "*u16", "weights": "*i32", "reach": "i32", **_IMAGE},
    ),
    "weigh_columns_in_words": (
        neighbour_kernels.weigh_columns_in_words,
        {
            **dict.fromkeys(("words", "sums", "weights"), "*i32"),
            **dict.fromkeys(("reach", "height", "in_row"), "i32"),
            "tile": WORDS,
        },
    ),
    "weigh_rows": (
        neighbour_kernels.weigh_rows,
        {"sums": "*u16", "target": "*u8", "weights": "*i32", "reach": "i32", **_IMAGE},
    ),
    "sharpen": (neighbour_kernels.sharpen, {"source": "*u8", "target": "*u8", "gain": "i32", **_IMAGE}),
    **{
        f"resample {taps}x{taps}{' black' if black else ''}": (
            neighbour_kernels.resample,
            {
                **dict.fromkeys(("source", "target"), "*u8"),
                "matrix": "*i64",
                **dict.fromkeys(("weights_x", "weights_y"), "*i32"),
                **dict.fromkeys(("reach_x", "reach_y", "images"), "i32"),
                "height": "i32",
                "width": "i32",
                **{"taps_x": taps, "taps_y": taps, "black": black, "per_program": 12, "rows": 128},
            },
        )
        for taps, black in ((2, False), (2, True), (3, False))
    },
    **{
        f"to RGB{', chroma left' if is_left else ''}": (
            cuda_color_kernels.to_rgb,
            {
                **dict.fromkeys(("y", "u", "v", "pixels"), "*u8"),
                **_strides("y"),
                **_strides("chroma"),
                **dict.fromkeys(("height", "width", "y_factor", "y_offset"), "i32"),
                **dict.fromkeys(("v_to_r", "v_to_g", "u_to_g", "u_to_b"), "i32"),
                **{"is_left": is_left, "rows": cuda_color_kernels.ROWS, "columns": cuda_color_kernels.COLUMNS},
            },
        )
        for is_left in (False, True)
    },
    **{
        f"to YUV{', NV12' if is_semiplanar else ''}": (
            cuda_color_kernels.to_yuv,
            {
                **dict.fromkeys(("pixels", "y", "u", "v"), "*u8"),
                **_strides("y"),
                **{**_strides("chroma"), "chroma_column": 2 if is_semiplanar else 1},
                **dict.fromkeys(("height", "width"), "i32"),
                **dict.fromkeys(("y_factors", "u_factors", "v_factors"), ("i32", "i32", "i32")),
                **dict.fromkeys(_STRETCHES, "i32"),
                **{"is_stretched": False, "is_semiplanar": is_semiplanar, "rows": cuda_color_kernels.CHROMA_ROWS},
                **{"run": WIDEST_RUN, "threads": cuda_color_kernels.THREADS, "plain": False},
            },
        )
        for is_semiplanar in (False, True)
    },
}


def fused(kinds: tuple[Kind, ...], run: int = WIDEST_RUN) -> tuple[Any, dict[str, Any]]:
    """The kernel and signature of a fused pass."""
    signature: dict[str, Any] = {
        "source": "*u8",
        "target": "*u8",
        "operands": tuple(_OPERANDS[kind] for kind in kinds),
        **_SIZES,
        "kinds": tuple(int(kind) for kind in kinds),
        **{"rows": TILE // run, "run": run, "plain": False},
    }
    noise = [place for place, kind in enumerate(kinds) if kind.adds_noise]
    if noise:
        return value_kernels.change_values, {**signature, "noise_step": noise[0], "bits": BITS}
    without = {name: kind for name, kind in signature.items() if name not in ("blocks", "first_frame")}
    return value_kernels.change_pixels, without


def compile_for(kernel: Any, arguments: dict[str, Any], capability: int) -> dict[str, Any]:
    """What a kernel takes on a GPU: registers, accesses to spilled ones, shared memory, instructions."""
    names = list(kernel.arg_names)
    constants = {(names.index(n),): v for n, v in arguments.items() if not _is_type(v)}
    signature = {n: arguments[n] if _is_type(arguments[n]) else "constexpr" for n in names}
    aligned = {}
    for place, name in enumerate(names):
        if name in _UNALIGNED or name.endswith("_factors"):
            continue
        for path, kind in _leaves((place,), signature[name]):
            if kind != "constexpr":
                aligned[path] = [["tt.divisibility", ALIGNED]]
    source = ASTSource(kernel, signature, constexprs=constants, attrs=aligned)
    limit = {"maxnreg": REGISTERS} if kernel is value_kernels.change_values else {}
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": WARPS, **limit})
    ptx = compiled.asm["ptx"]
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled.asm["cubin"])
        file.flush()
        usage, code = _run("cuobjdump", "-res-usage", file.name), _run("nvdisasm", "-c", file.name)
    return {
        "registers": int(re.findall(r"REG:(\d+)", usage)[-1]),
        "spills": len(re.findall(r"\b(?:STL|LDL)\b", code)),
        "shared": compiled.metadata.shared,
        "accesses": sorted(set(re.findall(r"\b(?:ld|st)\.global[\w.:]*", ptx))),
        "exchanges": compiled.asm["ttgir"].count("convert_layout"),
        "instructions": instructions(code),
        "packs": code.count("I2IP"),
        "products": ptx.count("mul.wide.u32"),
    }


def _run(tool: str, *arguments: str) -> str:
    path = Path(triton.__file__).parent / "backends/nvidia/bin" / tool
    told = subprocess.run([path, *arguments], capture_output=True, text=True, check=True)
    return told.stdout + told.stderr


def _is_type(value: Any) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(_is_type(each) for each in value)
    return isinstance(value, str)


def _leaves(path: tuple[int, ...], kind: Any) -> list[tuple[tuple[int, ...], str]]:
    if not isinstance(kind, tuple):
        return [(path, kind)]
    return [leaf for place, each in enumerate(kind) for leaf in _leaves((*path, place), each)]


PASSES = {
    "lighting, noise, occlusion": (Kind.LOOK_UP, Kind.ADD_NORMALS, Kind.COVER),
    "shot noise, shadow": (Kind.ADD_SCALED_NORMALS, Kind.SCALE),
    "hue, shadow, occlusion behind a mask": (Kind.MIX, Kind.SCALE, Kind.COVER_BEHIND),
    "background, lighting": (Kind.BLEND, Kind.LOOK_UP),
}
MORE_PASSES = {
    "lighting": (Kind.LOOK_UP,),
    "noise": (Kind.ADD_NORMALS,),
    "lighting, noise": (Kind.LOOK_UP, Kind.ADD_NORMALS),
    "occlusion": (Kind.COVER,),
    "shot noise": (Kind.ADD_SCALED_NORMALS,),
    "shadow": (Kind.SCALE,),
    "hue": (Kind.MIX,),
    "background": (Kind.BLEND,),
}
"""Alone, to see what each costs; the tests compile those above."""


def values_of(name: str) -> int:
    """How many values a thread of a kernel changes: a half of the bytes that it has to read and to write."""
    threads = 32 * WARPS
    if name in PASSES | MORE_PASSES:
        kinds = (PASSES | MORE_PASSES)[name]
        return TILE * (8 if any(kind.adds_noise for kind in kinds) else 3) // threads
    colors = cuda_color_kernels
    pixels = {"to RGB": colors.ROWS * colors.COLUMNS, "to YUV": colors.WIDEST_RUN * 2 * colors.CHROMA_ROWS * threads}
    of_colors = {kind: 9 * count // 4 for kind, count in pixels.items()}
    return next((count for kind, count in of_colors.items() if name.startswith(kind)), 0) // threads


def compile_all(kernels: dict[str, tuple[Any, dict[str, Any]]], capability: int) -> dict[str, dict[str, Any]]:
    """What each of the kernels takes on a GPU."""
    return {name: compile_for(kernel, arguments, capability) for name, (kernel, arguments) in kernels.items()}


def print_table(capability: int, results: dict[str, dict[str, Any]]) -> None:
    """Print what kernels take, and what a GPU could reach at best by the number of their instructions."""
    gpus = [gpu for gpu in GPUS if gpu.capability == capability]
    columns = [f"{gpu.name}: share of copy bandwidth" for gpu in gpus]
    print(f"\nsm_{capability}: instructions a value, where nothing is covered and where all is; bounds by their count")
    print("| kernel | registers | spills | shared | least | most | ALU | FMA | " + " | ".join(columns) + " |")
    print("|---" * (8 + len(columns)) + "|")
    for name, result in results.items():
        values = values_of(name)
        if values == 0:
            print(f"| {name} | {result['registers']} | {result['spills']} | {result['shared']} |")
            continue
        counted = {kind: count / values for kind, count in result["instructions"].items()}
        shares = [f"{bound(counted, gpu):.2f}" for gpu in gpus]
        row = [f"{counted[kind]:.1f}" for kind in ("least", "most", "ALU", "FMA")]
        print(
            f"| {name} | {result['registers']} | {result['spills']} | {result['shared']} | "
            + " | ".join(row + shares)
            + " |"
        )


def main(arguments: list[str]) -> None:
    """Compile every kernel for these GPUs."""
    capabilities = [int(each) for each in arguments if each.isdigit()] or list(CAPABILITIES)
    for_tests = "--json" in arguments
    passes = PASSES if for_tests else MORE_PASSES | PASSES
    kernels = {name: fused(kinds) for name, kinds in passes.items()} | KERNELS
    for capability in capabilities:
        results = compile_all(kernels, capability)
        if for_tests:
            print(json.dumps({"kernels": results, "launches": rehearse()}))
        else:
            print_table(capability, results)


if __name__ == "__main__":
    main(sys.argv[1:])
