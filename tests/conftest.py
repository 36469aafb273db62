"""What holds for all tests."""

import os
from pathlib import Path

import pytest

END_TO_END = Path(__file__).parent / "e2e"

# Read when huggingface_hub is imported. The local hub speaks plain LFS, as self-hosted hubs do.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


@pytest.hookimpl(tryfirst=True)  # before xdist's own, which reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may run side by side when `make test` runs the tests in several processes.

    The end-to-end tests share one cluster and mostly wait for it: they go one after the other, and begin first. All
    others go by file.
    """
    on_the_cluster = [item for item in items if END_TO_END in item.path.parents]
    items[:] = on_the_cluster + [item for item in items if END_TO_END not in item.path.parents]
    for item in items:
        group = "cluster" if END_TO_END in item.path.parents else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
