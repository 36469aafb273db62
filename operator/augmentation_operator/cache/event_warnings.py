"""Warning Events of children that are stuck, listed only when needed: a watch of all Events would cost more."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from augmentation_kube import KubeApi, Resource
from augmentation_operator.children.job import ChildJob
from augmentation_operator.children.pod import ChildPod
from augmentation_operator.scale import EVENT_LIST_SHARE

RECENT = timedelta(seconds=4)
"""How long an answer is reused: all jobs of a namespace share it."""


class EventWarnings:
    """Lists the warnings of a namespace and caches the answer for a while.

    Args:
        api: the API server.
        clock: gives the time.
        timer: gives seconds, to measure how long an answer takes.
    """

    def __init__(
        self, api: KubeApi, clock: Callable[[], datetime], timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._api, self._clock, self._timer = api, clock, timer
        self._one_at_a_time = asyncio.Lock()
        self._answers: dict[tuple[str, str], tuple[datetime, Mapping[str, str]]] = {}

    async def of(self, silent: Iterable[ChildJob | ChildPod]) -> dict[str, str]:
        """The message of the newest warning of each of these objects that has one, by the object's name."""
        newest = {}
        for child in silent:
            async with self._one_at_a_time:
                warnings = await self._of_all(child.namespace, "Job" if isinstance(child, ChildJob) else "Pod")
            if child.name in warnings:
                newest[child.name] = warnings[child.name]
        return newest

    async def _of_all(self, namespace: str, kind: str) -> Mapping[str, str]:
        now = self._clock()
        recent = {key: answer for key, answer in self._answers.items() if now < answer[0]}
        if (namespace, kind) not in recent:
            began = self._timer()
            selector = f"involvedObject.kind={kind},type=Warning"
            answer = await self._api.list(Resource.EVENTS, namespace, field_selector=selector)
            until = self._clock() + max(RECENT, EVENT_LIST_SHARE * timedelta(seconds=self._timer() - began))
            recent[namespace, kind] = until, newest_warnings(answer["items"])
        self._answers = recent
        return recent[namespace, kind][1]


def newest_warnings(events: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The message of the newest warning of each object, by its name; Events are as the API sends them."""
    newest: dict[str, str] = {}
    for event in sorted(events, key=_last_seen, reverse=True):
        if event.get("type") == "Warning":
            newest.setdefault(event["involvedObject"].get("name", ""), event.get("message", ""))
    return newest


def _last_seen(event: Mapping[str, Any]) -> str:
    series = (event.get("series") or {}).get("lastObservedTime")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or "")
