"""What the operator takes when all its jobs have ended: a share of one core, and memory."""

import asyncio
import time

from augmentation_api import PhaseName
from augmentation_kube import Resource, connect
from benchmarks.contenders import Contender, Ours
from benchmarks.processes import memory, processor_seconds
from benchmarks.scale_cluster import NAMESPACE, scale_cluster
from benchmarks.stand_in_workers import REPORTS
from tests.integration.control_plane import ControlPlane

CREATORS = 8
QUIET_SECONDS = 5.0


def measure_idle(jobs: int, seconds: int) -> None:
    """Start the operator among jobs that have ended."""
    with scale_cluster() as plane:
        ours = Ours(plane)
        try:
            asyncio.run(make_finished(plane, ours, jobs))
            ours.start()
            idle(ours, seconds)
        finally:
            ours.stop()


async def make_finished(plane: ControlPlane, ours: Contender, jobs: int) -> None:
    """Jobs that have ended long ago, of which nothing else is left: made as they are, no operator took them there."""
    at = "2026-01-01T00:00:00Z"
    phases = [{"name": name, "status": "completed", "startedAt": at, "completedAt": at} for name in PhaseName]
    common = {"status": "True", "message": "sample", "lastTransitionTime": at, "observedGeneration": 1}
    status = {
        "state": "completed",
        "currentPhase": "publish",
        "observedGeneration": 1,
        "message": "published lab/result: 20 episodes, 2000 frames",
        "className": "cpu",
        "shardCount": 1,
        "phases": phases,
        "conditions": [
            {"type": "Accepted", "reason": "ClassSelected", **common},
            {"type": "Placed", "reason": "Running", **common},
            {"type": "Complete", "reason": "Published", **common},
        ],
        **REPORTS["resolve"],
        **REPORTS["augment"],
        **REPORTS["publish"],
        **dict.fromkeys(("createdAt", "queuedAt", "startedAt", "completedAt"), at),
    }
    numbers = iter(range(jobs))
    async with connect(str(plane.kubeconfig)) as api:

        async def some() -> None:
            for number in numbers:
                name = f"finished-{number}"
                await api.create(Resource.AUGMENTATION_JOBS, ours.manifest(name), NAMESPACE)
                await api.merge_patch(
                    Resource.AUGMENTATION_JOBS, name, {"status": status}, namespace=NAMESPACE, subresource="status"
                )

        await asyncio.gather(*(some() for _ in range(CREATORS)))


def idle(ours: Contender, seconds: int) -> None:
    """What the operator takes when all its jobs have ended: a share of one core, and memory."""
    time.sleep(QUIET_SECONDS)
    began, spent = time.monotonic(), processor_seconds(ours.process_id)
    time.sleep(seconds)
    share = (processor_seconds(ours.process_id) - spent) / (time.monotonic() - began)
    print(f"\nIdle with all jobs finished, over {seconds} s: {100 * share:.1f} % of a core, ", end="")
    now, most = memory(ours.process_id)
    print(f"{now:.0f} MiB of memory, {most:.0f} MiB at most since it was started")
