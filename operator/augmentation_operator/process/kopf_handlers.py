"""What kopf runs of the process: startup and cleanup, login, the liveness probe, the watch of AugmentationJobs."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import kopf
from typing_extensions import override

from augmentation_api.identifiers import GROUP, JOB_PLURAL, VERSION
from augmentation_operator.process.login import login
from augmentation_operator.process.operator import Operator


class NullDiffBaseStorage(kopf.DiffBaseStorage):
    """Spares kopf the copy of each object from which it would compute what changed: no handler here asks for that."""

    @override
    def build(self, **_: Any) -> Any:
        return {}

    @override
    def fetch(self, **_: Any) -> None:
        return None

    @override
    def store(self, **_: Any) -> None:
        pass


def configure(settings: kopf.OperatorSettings) -> None:
    """Turn off what is not used of kopf, and bound what its watch keeps in memory."""
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = NullDiffBaseStorage()
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 60
    settings.watching.server_timeout = 600
    settings.watching.inactivity_timeout = 70
    # At most so many jobs are in memory as a list, and the last change of each no longer than that.
    settings.watching.chunk_size = 500
    settings.queueing.idle_timeout = 0.2


def register(running_operator: Callable[[], AbstractAsyncContextManager[Operator]]) -> None:
    """Register the handlers with kopf's default registry.

    Args:
        running_operator: makes the operator at startup, for as long as the context is open: until cleanup.
    """
    stack = AsyncExitStack()

    kopf.on.login()(login)

    @kopf.on.startup()
    async def start(settings: kopf.OperatorSettings, memo: Any, **_: Any) -> None:
        configure(settings)
        memo.operator = await stack.enter_async_context(running_operator())

    @kopf.on.cleanup()
    async def stop(**_: Any) -> None:
        await stack.aclose()

    # A coroutine although it awaits nothing: kopf runs other functions in a thread, one event after another.
    @kopf.on.event(GROUP, VERSION, JOB_PLURAL)
    async def on_job_event(event: kopf.RawEvent, uid: str, memo: Any, **_: Any) -> None:
        if event["type"] == "DELETED":
            memo.operator.on_delete(uid)
        else:
            memo.operator.on_update(event["object"])

    @kopf.on.probe(id="watch")
    async def watch(memo: Any, **_: Any) -> str:
        if memo.operator.is_stalled:
            raise kopf.PermanentError("the watch of AugmentationJobs is stalled")
        return "alive"
