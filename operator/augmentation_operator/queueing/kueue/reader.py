"""Reading what Kueue says, where it is asked for: while a Job waits, and seldom.

There is no watch: the Jobs' own watch tells at once when Kueue starts or stops one, so that only the reasons and the
places in queues have to be asked for. Kueue may be absent, and may come and go while the operator runs.
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

log = logging.getLogger(__name__)

RECENT = timedelta(seconds=4)
"""What was read within this time is not read again: all jobs of a queue share one answer."""
_MANY = 256

Answer = dict[str, Any] | KubeError


class KueueReader:
    """Asks the API server for Kueue's objects, and remembers the answers for a moment."""

    def __init__(self, api: KubeApi, clock: Callable[[], datetime]) -> None:
        self._api, self._clock = api, clock
        self._answers: dict[tuple[str, ...], tuple[datetime, Answer]] = {}

    async def view(self, namespace: str, queue: str, child: ChildJob | None) -> KueueView:
        """What Kueue says of a LocalQueue (empty: not known which) and of a Job (None: not made yet)."""
        view = KueueView()
        if queue:
            found = await self._answer(("queue", namespace, queue), self._get(Resource.LOCAL_QUEUES, namespace, queue))
            state, detail = _trouble(found) if isinstance(found, KubeError) else read_queue(found)
            view = KueueView(state, detail)
        if child is None or view.state in (QueueState.NOT_INSTALLED, QueueState.FORBIDDEN):
            return view
        workloads = await self._answer(("job", namespace, child.uid), self._workloads_of(namespace, child.uid))
        if isinstance(workloads, KubeError):
            state, detail = _trouble(workloads)
            return replace(view, state=state, detail=detail)
        view = replace(view, workload=read_workload(workloads["items"]))
        if not queue or view.workload is None:
            return view
        pending = await self._answer(
            ("pending", namespace, queue),
            self._get(Resource.VISIBLE_QUEUES, namespace, queue, subresource="pendingworkloads"),
        )
        if isinstance(pending, KubeError):
            # Places are a courtesy: a Kueue whose visibility API is off or away queues all the same.
            log.debug("the places in queue %s/%s are not known: %s", namespace, queue, pending)
            return view
        position, depth = read_place(pending, child.uid)
        return replace(view, position=position, depth=depth)

    def forget(self) -> None:
        """Something was changed: what was read before no longer counts."""
        self._answers.clear()

    async def _answer(self, key: tuple[str, ...], ask: Callable[[], Awaitable[dict[str, Any]]]) -> Answer:
        now = self._clock()
        known = self._answers.get(key)
        if known is not None and now - known[0] < RECENT:
            return known[1]
        answer: Answer
        try:
            answer = await ask()
        except KubeError as error:
            answer = error
        if len(self._answers) >= _MANY:
            self._answers = {each: kept for each, kept in self._answers.items() if now - kept[0] < RECENT}
        self._answers[key] = now, answer
        return answer

    def _get(
        self, resource: Resource, namespace: str, name: str, subresource: str | None = None
    ) -> Callable[[], Awaitable[dict[str, Any]]]:
        return lambda: self._api.get(resource, name, namespace, subresource=subresource)

    def _workloads_of(self, namespace: str, uid: str) -> Callable[[], Awaitable[dict[str, Any]]]:
        return lambda: self._api.list(Resource.WORKLOADS, namespace, f"{LABEL_WORKLOAD_OF}={uid}")


def _trouble(error: KubeError) -> tuple[QueueState, str]:
    """Why there is no answer. Raises the error where it may pass and says nothing of the queue."""
    if error.status == 404:
        # The API server itself names what it lacks; of an API that it does not serve at all it says less.
        return (QueueState.MISSING if error.reason else QueueState.NOT_INSTALLED), ""
    if error.status == 403:
        return QueueState.FORBIDDEN, error.message
    raise error
