"""Stands in for the workers, whose pods have no process here: reports to each job's status what theirs would report.

A process of its own, so that its work is not counted as the operator's. Of every worker pod that runs it makes the one
report that the operator needs of a pod of that phase. A real worker reports more often, and with a token of its own.

    python -m benchmarks.stand_in_workers KUBECONFIG
"""

import asyncio
import sys
from typing import Any

from augmentation_api.identifiers import API_VERSION, JOB_KIND, LABEL_JOB_NAME, LABEL_PHASE
from augmentation_kube import KubeApi, KubeError, KubeUnavailable, Resource, connect
from benchmarks.scale_cluster import NAMESPACE

Json = dict[str, Any]

REPORTERS = 8
FRAMES = 1000

REPORTS: dict[str, Json] = {
    "resolve": {
        "source": {
            "repoID": "lab/kitchen",
            "revision": "c0ffee",
            "episodes": 10,
            "frames": FRAMES,
            "selectedEpisodes": 10,
            "selectedFrames": FRAMES,
            "copies": 1,
            "minShards": 1,
            "maxShards": 10,
        }
    },
    "augment": {
        "shards": [{"index": 0, "state": "completed", "frames": {"total": FRAMES, "done": FRAMES}}],
    },
    "publish": {"output": {"datasetID": "lab/result", "revision": "beef", "episodes": 20, "frames": 2 * FRAMES}},
}
_MANAGERS = {"resolve": "worker-resolve", "augment": "worker-shard-0", "publish": "worker-publish"}


class StandInWorkers:
    """Watches pods, and reports for each one that runs."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._reported: set[str] = set()
        self._running: asyncio.Queue[Json] = asyncio.Queue()

    async def work(self) -> None:
        """Report until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            for _ in range(REPORTERS):
                tasks.create_task(self._report_each())

    async def _watch(self) -> None:
        version = ""
        while True:
            try:
                if not version:
                    listed = await self._api.list(Resource.PODS, NAMESPACE)
                    version = listed["metadata"]["resourceVersion"]
                    for pod in listed["items"]:
                        self._saw(pod)
                async for event in self._api.watch(Resource.PODS, version, NAMESPACE):
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] in ("ADDED", "MODIFIED"):
                        self._saw(event["object"])
            except (KubeError, KubeUnavailable) as error:
                print(f"restarting the watch of the pods: {error}", flush=True)
                version = ""

    def _saw(self, pod: Json) -> None:
        metadata, uid = pod["metadata"], pod["metadata"]["uid"]
        is_worker = LABEL_PHASE in metadata.get("labels", {})
        if is_worker and pod.get("status", {}).get("phase") == "Running" and uid not in self._reported:
            self._reported.add(uid)
            self._running.put_nowait(metadata["labels"])

    async def _report_each(self) -> None:
        while True:
            labels = await self._running.get()
            try:
                await self._report(labels[LABEL_JOB_NAME], labels[LABEL_PHASE])
            except (KubeError, KubeUnavailable) as error:
                print(f"{labels[LABEL_JOB_NAME]}: reported again: {error}", flush=True)
                self._running.put_nowait(labels)

    async def _report(self, job: str, phase: str) -> None:
        body = {"apiVersion": API_VERSION, "kind": JOB_KIND, "metadata": {"name": job}, "status": REPORTS[phase]}
        manager = f"augmentation-{_MANAGERS[phase]}"
        await self._api.apply(
            Resource.AUGMENTATION_JOBS, job, body, field_manager=manager, namespace=NAMESPACE, subresource="status"
        )


async def main(kubeconfig: str) -> None:
    async with connect(kubeconfig) as api:
        await StandInWorkers(api).work()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
