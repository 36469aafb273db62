"""What kopf runs of the process: startup and cleanup, login, the liveness probe, the watch of AugmentationJobs."""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

import kopf
from typing_extensions import override

from augmentation_api.identifiers import GROUP, JOB_PLURAL, VERSION
from augmentation_operator.process.operator import Operator

IDENTITY_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")


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
    # At most this number of jobs is in memory as a list; the last change of each only for idle_timeout seconds.
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


def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """Log kopf's watch in: with the pod's projected token, else as $KUBECONFIG says; None where there is neither.

    The kubelet renews the token within the hour. kopf logs in again when the API server answers 401, and the token is
    then reread, so an expired one does no harm. The client of KubeApi rereads the same file each minute.
    """
    return in_cluster(IDENTITY_FOLDER, os.environ) or kopf.login_with_kubeconfig(**kwargs)


def in_cluster(folder: Path, environ: Mapping[str, str]) -> kopf.ConnectionInfo | None:
    """Connection to the API server at the address given to pods, with the token in `folder`; None outside of pods.

    By address, not by name: a DNS that is unavailable must not keep the operator from the API server.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "")
    token = folder / "token"
    if not host or not port or not token.is_file():
        return None
    return kopf.ConnectionInfo(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        ca_path=folder / "ca.crt",
        token=token.read_text(encoding="ascii").strip(),
        default_namespace=(folder / "namespace").read_text(encoding="ascii").strip(),
    )
