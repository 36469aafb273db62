"""Jobs that are measured on this machine run as in the worker's image."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks.image_allocator import allocator_settings
from benchmarks.local_job import as_in_image

_SEEN = """
import importlib.util, json, os
print(json.dumps([dict(os.environ), importlib.util.find_spec("torch") is not None]))
"""


@pytest.mark.parametrize("cuda", [False, True])
def test_processes_have_the_allocator_of_the_image_and_its_torch(cuda: bool) -> None:
    before = dict(os.environ)
    with as_in_image(cuda=cuda):
        variables, has_torch = json.loads(subprocess.check_output([sys.executable, "-c", _SEEN]))
    assert allocator_settings().keys() == {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}
    assert {name: variables.get(name) for name in allocator_settings()} == allocator_settings()
    assert has_torch == cuda
    assert dict(os.environ) == before
