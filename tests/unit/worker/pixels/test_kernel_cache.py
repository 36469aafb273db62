import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import augmentation_worker
from augmentation_worker.transforms import cpu

WORKER = Path(augmentation_worker.__file__).parent
FOLDER = Path(cpu.__file__).parent

PROCESS = """
import numpy as np
from augmentation_worker.transforms.cpu.kernels import look_up
frames, tables = np.zeros((1, 3, 8), np.uint8), np.zeros((3, 256), np.uint8)
look_up(frames, frames, tables, np.empty((3, 0), np.uint16))
print(sum(look_up.stats.cache_misses.values()))
"""


def compiled_by_a_process(worker: Path) -> int:
    """How many kernels a process with the code in this folder had to compile."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment = {**inherited, "PYTHONPATH": str(worker)}
    command = [sys.executable, "-c", PROCESS]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def test_kernel_is_compiled_again_when_a_module_that_generates_its_code_has_changed(tmp_path: Path) -> None:
    copy = tmp_path / FOLDER.relative_to(WORKER.parent)
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for package in (copy.parent, copy.parent.parent):
        (package / "__init__.py").touch()
    assert [compiled_by_a_process(tmp_path) for _ in range(2)] == [1, 0]
    with (copy / "vector_lookup.py").open("a") as file:
        file.write("# changed\n")
    assert [compiled_by_a_process(tmp_path) for _ in range(2)] == [1, 0]


def test_kernels_are_made_of_no_modules_but_those_whose_change_is_seen() -> None:
    kernels = [path for path in WORKER.rglob("*.py") if "import kernel_compiler" in path.read_text()]
    assert len(kernels) >= 5
    seen = cpu.__name__
    others = {
        (path.name, node.module)
        for path in {*kernels, *FOLDER.glob("*.py")}
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("augmentation_")
        if node.module != seen and not node.module.startswith(f"{seen}.")
    }
    assert others == set()
