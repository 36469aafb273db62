"""What a pod imports before it reads the first word of its dataset, and what a shard never imports."""

import subprocess
import sys

from torchvision.transforms import v2

from augmentation_worker.transforms.pipeline import TRANSFORMS
from tests.fixtures.all_transforms import digest_of_all_transforms

RESOLVE = """
import sys
import augmentation_worker.run
import augmentation_worker.phases.resolve
print(*sorted({"av", "datasets", "numba", "torch"} & set(sys.modules)))
"""
SHARD = """
import sys
for name in ("torch", "torchvision", "triton"):
    sys.modules[name] = None
import augmentation_worker.formats.images.shard
import augmentation_worker.formats.lerobot.shard
from tests.fixtures.all_transforms import digest_of_all_transforms
print(digest_of_all_transforms())
"""


def printed_by(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_resolve_starts_without_libraries_that_only_later_phases_need() -> None:
    assert printed_by(RESOLVE) == []


def test_a_shard_makes_the_same_pixels_without_torch() -> None:
    assert all(issubclass(transform, v2.Transform) for transform in TRANSFORMS.values())
    assert printed_by(SHARD) == [digest_of_all_transforms()]
