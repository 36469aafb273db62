"""The processors that the kernels are compiled for: two kinds of x86-64, so that an image can hold them compiled.

numba compiles for the one processor it runs on, and finds compiled code again by that processor's name: what a build
machine compiled would serve no node of another model. For LLVM's x86-64-v4 and -v3 (the levels of the x86-64 psABI;
v3 is AVX2, Intel's since 2013 and AMD's since 2015) compiled code serves every node that has the level's instructions,
and the first is as fast as code for the very processor. The kernels compute in integers: the pixels are the same.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba

from augmentation_worker.transforms.cpu.kernel_cache import KernelCache

COMPILED_KERNELS = "AUGMENTATION_COMPILED_KERNELS"
"""Environment variable of the image: the folder that `augmentation_worker.media.compiled_kernels` filled."""


@dataclass(frozen=True)
class KernelTarget:
    """A kind of processor.

    Attributes:
        name: LLVM's.
        features: what LLVM is to assume in addition, as numba's NUMBA_CPU_FEATURES.
        instructions: what a processor of this kind has, by LLVM's names.
    """

    name: str
    features: str
    instructions: frozenset[str]

    def environment(self, cache: Path | None = None) -> dict[str, str]:
        """Environment variables of numba, of a process that compiles for this kind, and keeps the code in `cache`."""
        variables = {"NUMBA_CPU_NAME": self.name, "NUMBA_CPU_FEATURES": self.features}
        return variables if cache is None else {**variables, "NUMBA_CACHE_DIR": str(cache)}


_V3 = frozenset({"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"})
_V4 = _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
# LLVM would keep to half of a vector's width: the kernels are 10 to 30 % faster with all of it.
AVX512 = KernelTarget("x86-64-v4", "-prefer-256-bit", _V4)
KERNEL_TARGETS = (AVX512, KernelTarget("x86-64-v3", "", _V3))
"""The fastest first. A processor of none of these kinds, e.g. an ARM one, compiles for itself."""


def kernel_target() -> KernelTarget | None:
    """The first kind that this machine's processor is of."""
    if not llvmlite.binding.get_process_triple().startswith("x86_64"):
        return None
    has: Mapping[str, bool] = llvmlite.binding.get_host_cpu_features()
    return next((each for each in KERNEL_TARGETS if all(has.get(name) for name in each.instructions)), None)


def kernel_compiler() -> Any:
    """numba's decorator for kernels: they release the GIL, and are compiled for `kernel_target`.

    To be called before anything is compiled. Compiled code is kept where numba keeps it, next to the source file or in
    the user's cache, while it is fresh (see `kernel_cache`). A pod can write to neither: there it comes from a copy of
    what its image holds (COMPILED_KERNELS), as numba uses no folder that it cannot write to. What the environment says
    to numba counts more.
    """
    target = kernel_target()
    if target is not None and "NUMBA_CPU_NAME" not in os.environ:
        image = os.environ.get(COMPILED_KERNELS)
        held = Path(image, target.name) if image else None
        cache = None
        if held is not None and held.is_dir() and "NUMBA_CACHE_DIR" not in os.environ:
            copied_to = tempfile.mkdtemp(prefix="compiled-kernels-")
            atexit.register(shutil.rmtree, copied_to, ignore_errors=True)
            cache = Path(shutil.copytree(held, copied_to, dirs_exist_ok=True, copy_function=shutil.copyfile))
        os.environ.update(target.environment(cache))  # also of processes that this one starts
        numba.config.reload_config()  # type: ignore[no-untyped-call]
    return _kernel


def _kernel(function: Callable[..., Any]) -> Any:
    kernel: Any = numba.njit(nogil=True)(function)
    kernel._cache = KernelCache(function)  # what numba's own option sets, too
    return kernel
