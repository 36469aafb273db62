"""Reads of Kueue's objects, made only while a Job waits, and cached for seconds.

There is no watch: the watch of the Jobs delivers at once when Kueue starts or stops one, so that only the reasons and
the positions in queues have to be read. Kueue may be absent, and may be installed or removed while the operator runs.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from augmentation_kube import KubeApi, KubeError, Resource
from augmentation_operator.children.job import ChildJob
from augmentation_operator.queueing.kueue.view import (
    LABEL_WORKLOAD_OF,
    KueueView,
    QueueState,
    read_place,
    read_queue,
    read_workload,
)

_log = logging.getLogger(__name__)

RECENT = timedelta(seconds=4)
"""How long an answer is reused: all jobs of a queue share it."""
_MAX_ANSWERS = 256

Answer = dict[str, Any] | KubeError


class KueueReader:
    """Reads Kueue's objects from the API server, and caches the answers for a moment."""

    def __init__(self, api: KubeApi, clock: Callable[[], datetime]) -> None:
        self._api, self._clock = api, clock
        self._answers: dict[tuple[str, ...], tuple[datetime, Answer]] = {}

    async def view(self, namespace: str, queue: str, child: ChildJob | None) -> KueueView:
        """Kueue's view of a LocalQueue (empty: not known which) and of a Job (None: not created yet)."""
        view = KueueView()
        if queue:
            answer = await self._answer(
                ("queue", namespace, queue), lambda: self._api.get(Resource.LOCAL_QUEUES, queue, namespace)
            )
            state, detail = _absence(answer) if isinstance(answer, KubeError) else read_queue(answer)
            view = KueueView(state, detail)
        if child is None or view.state in (QueueState.NOT_INSTALLED, QueueState.FORBIDDEN):
            return view
        selector = f"{LABEL_WORKLOAD_OF}={child.uid}"
        workloads = await self._answer(
            ("job", namespace, child.uid), lambda: self._api.list(Resource.WORKLOADS, namespace, selector)
        )
        if isinstance(workloads, KubeError):
            state, detail = _absence(workloads)
            return replace(view, state=state, detail=detail)
        view = replace(view, workload=read_workload(workloads["items"]))
        if view.workload is None and child.workload_priority:
            view = replace(view, missing_priority=await self._missing_priority(child.workload_priority))
        if not queue or view.workload is None:
            return view
        pending = await self._answer(
            ("pending", namespace, queue),
            lambda: self._api.get(Resource.VISIBLE_QUEUES, queue, namespace, subresource="pendingworkloads"),
        )
        if isinstance(pending, KubeError):
            # Positions are optional: Kueue queues jobs also if its visibility API is off or unavailable.
            _log.debug("the positions in queue %s/%s are not known: %s", namespace, queue, pending)
            return view
        position, depth = read_place(pending, child.uid)
        return replace(view, position=position, depth=depth)

    async def _missing_priority(self, name: str) -> str:
        """The name of a WorkloadPriorityClass that does not exist, else "". Kueue itself reports it nowhere."""
        answer = await self._answer(("priority", name), lambda: self._api.get(Resource.WORKLOAD_PRIORITY_CLASSES, name))
        return name if isinstance(answer, KubeError) and answer.status == 404 and answer.reason else ""

    def forget(self) -> None:
        """Drop all answers, as an object has changed."""
        self._answers.clear()

    async def _answer(self, key: tuple[str, ...], ask: Callable[[], Awaitable[dict[str, Any]]]) -> Answer:
        now = self._clock()
        cached = self._answers.get(key)
        if cached is not None and now - cached[0] < RECENT:
            return cached[1]
        try:
            answer: Answer = await ask()
        except KubeError as error:
            answer = error
        if len(self._answers) >= _MAX_ANSWERS:
            self._answers = {name: entry for name, entry in self._answers.items() if now - entry[0] < RECENT}
        self._answers[key] = now, answer
        return answer


def _absence(error: KubeError) -> tuple[QueueState, str]:
    """Why an object is absent. Raises an error that is transient or has another cause."""
    if error.status == 404:
        # The API server gives a reason if an object is missing, and none if it does not serve the API at all.
        return (QueueState.MISSING if error.reason else QueueState.NOT_INSTALLED), ""
    if error.status == 403:
        return QueueState.FORBIDDEN, error.message
    raise error
