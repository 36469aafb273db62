"""A whole job on this machine, each phase measured: its time, its processor time and its memory.

The phases are the worker's own programs, one process each, as pods run them: without torch, with the memory allocator
set up as in the worker's image. A number of cores is theirs.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from augmentation_api import AugmentationJobSpec, PhaseName
from augmentation_worker.local.run import LocalRun, Pod, prepared
from benchmarks.image_allocator import allocator_settings

PLACES = {"source": {"hub": {"repoID": "lab/generated"}}, "output": {"hub": {"repoID": "lab/augmented"}}}
"""What a spec has to name; the folders take its place."""
_WITHOUT_TORCH = """
import sys
from importlib.machinery import PathFinder

class WithoutTorch(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "triton"):
            return None
        return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutTorch
"""


@dataclass(frozen=True)
class Spent:
    """What a phase took.

    Attributes:
        clock: seconds on the wall, from the start of its first process to the end of its last.
        processor: seconds of processor time of its processes.
        mib: of the largest resident set of any of its processes.
    """

    clock: float
    processor: float
    mib: float


def measure(
    spec: Mapping[str, object], source: Path, output: Path, *, shards: int = 1, cores: int | None = None
) -> dict[str, Spent]:
    """Run a job from folder to folder, and remove the result; gives what resolve, augment and publish took.

    As many shards run at a time as there are cores. Raises SystemExit where a phase fails.
    """
    with prepared_run(spec, source, output, shards) as run, on_cores(cores), as_in_image():
        pods = [Pod(run, PhaseName.AUGMENT, shard) for shard in range(shards)]
        spent = {"resolve": _spent([Pod(run, PhaseName.RESOLVE)]), "augment": _spent(pods)}
        spent["publish"] = _spent([Pod(run, PhaseName.PUBLISH)])
    return spent


@contextmanager
def prepared_run(spec: Mapping[str, object], source: Path, output: Path, shards: int = 1) -> Iterator[LocalRun]:
    """A job from folder to folder, of which nothing is done; at the end, the result is removed."""
    wanted = AugmentationJobSpec.model_validate({**PLACES, **spec})
    run = prepared(wanted, source, output, shards, "cpu")
    try:
        yield run
    finally:
        shutil.rmtree(run.folder, ignore_errors=True)
        shutil.rmtree(output, ignore_errors=True)


@contextmanager
def as_in_image(*, cuda: bool = False) -> Iterator[None]:
    """Let processes that this one starts run as in the worker's image: that for CPUs, or that with CUDA.

    The memory allocator is set up as there, and without `cuda` no torch is found.
    """
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(allocator_settings())
        if not cuda:
            Path(folder, "sitecustomize.py").write_text(_WITHOUT_TORCH)
            os.environ["PYTHONPATH"] = os.pathsep.join([folder, *filter(None, [before.get("PYTHONPATH")])])
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextmanager
def on_cores(cores: int | None) -> Iterator[None]:
    """Let this process, and what it starts, use the first of its cores only. None: all."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _spent(pods: list[Pod]) -> Spent:
    """Run them, as many at a time as there are cores. This process has to be small: a child begins with its size."""
    begin, processor, mib = time.perf_counter(), 0.0, 0.0
    waiting, running = list(pods), dict[int, tuple[Pod, subprocess.Popen[bytes]]]()
    while waiting or running:
        while waiting and len(running) < len(os.sched_getaffinity(0)):
            pod = waiting.pop(0)
            process = pod.start()
            running[process.pid] = (pod, process)
        pid, status, usage = os.wait3(0)
        pod, process = running.pop(pid)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{pod.name} failed: {pod.failure(process.returncode)}")
        processor += usage.ru_utime + usage.ru_stime
        mib = max(mib, usage.ru_maxrss / 1024)
    return Spent(time.perf_counter() - begin, processor, mib)
