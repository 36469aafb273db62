"""Order and process groups of all tests."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

pytest.register_assert_rewrite("tests.kubernetes.conformance")

END_TO_END = Path(__file__).parent / "e2e"

# Read when huggingface_hub is imported. The local hub speaks plain LFS, as self-hosted hubs do.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
# Read when triton is imported, which torch does: its interpreter runs the kernels where there is no card.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the end-to-end tests first: they take longest, and mostly wait for the cluster."""
    items.sort(key=lambda item: END_TO_END not in item.path.parents)


@pytest.fixture(autouse=True)
def _ordinary_scheduling() -> Iterator[None]:
    """Fail a test that leaves this process with the real-time scheduling that SVT-AV1 gives it (thread_policy.py).

    Every process that a later test starts would inherit it, and an API server would let nothing else run.
    """
    yield
    if sys.platform == "linux" and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        pytest.fail("this test left real-time scheduling: write videos within same_scheduling()")


class OneCluster(LoadFileScheduling):
    """Run the tests of a file, and all tests that share the cluster, in one process when `make test` has several."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "the cluster" if file.startswith("tests/e2e/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneCluster | None:
    """Return the scheduler that replaces xdist's `--dist loadfile`."""
    return OneCluster(config, log) if config.getvalue("dist") == "loadfile" else None
