import os
import shutil
import subprocess
import sys
from pathlib import Path

import llvmlite.binding
import pytest
from numba.core.caching import UserProvidedCacheLocator

from augmentation_worker.media.compiled_kernels import run_all_kernels
from augmentation_worker.media.video import color_kernels
from augmentation_worker.transforms.cpu import kernels
from augmentation_worker.transforms.cpu.kernel_target import COMPILED_KERNELS, KERNEL_TARGETS, kernel_target

IN_A_POD = """
from augmentation_worker.media.compiled_kernels import recompiled, run_all_kernels
assert run_all_kernels()
print(recompiled())
"""


def test_process_with_the_kernels_of_its_image_compiles_none(tmp_path: Path) -> None:
    target = kernel_target()
    if target is None:
        pytest.skip("this processor is of no kind that images hold kernels for")
    run_all_kernels()
    # What compile_ahead writes: numba's own cache of this machine, which is compiled for the same kind of processor.
    for module, kernel in ((kernels, kernels.look_up), (color_kernels, color_kernels.to_rgb)):
        held = tmp_path / target.name / UserProvidedCacheLocator.get_suitable_cache_subpath(str(module.__file__))  # type: ignore[no-untyped-call]
        shutil.copytree(kernel.stats.cache_path, held)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    answer = subprocess.run(
        [sys.executable, "-c", IN_A_POD],
        env={**environment, COMPILED_KERNELS: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "0"


@pytest.mark.parametrize(("lacks", "expected"), [("", 0), ("avx512bw", 1), ("avx2", None)])
def test_kernels_are_compiled_for_the_fastest_kind_that_the_processor_is_of(
    monkeypatch: pytest.MonkeyPatch, lacks: str, expected: int | None
) -> None:
    has = dict.fromkeys(KERNEL_TARGETS[0].instructions, True) | {lacks: False}
    monkeypatch.setattr(llvmlite.binding, "get_host_cpu_features", lambda: has)
    monkeypatch.setattr(llvmlite.binding, "get_process_triple", lambda: "x86_64-unknown-linux-gnu")
    assert kernel_target() == (None if expected is None else KERNEL_TARGETS[expected])
    monkeypatch.setattr(llvmlite.binding, "get_process_triple", lambda: "aarch64-unknown-linux-gnu")
    assert kernel_target() is None
