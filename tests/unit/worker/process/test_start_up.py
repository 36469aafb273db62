"""What a pod imports before it reads the first word of its dataset."""

import subprocess
import sys

PROGRAM = """
import sys
import augmentation_worker.run
import augmentation_worker.phases.resolve
print(*sorted({"av", "datasets", "numba", "torch"} & set(sys.modules)))
"""


def test_resolve_starts_without_libraries_that_only_later_phases_need() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
