"""Requests to the Kubernetes API server from code that is not asynchronous, and how long they are retried."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from kubernetes.aio.config import ConfigException
from tenacity import Retrying, retry_if_exception_type, stop_before_delay, wait_exponential

from augmentation_api import FailureReason
from augmentation_kube import KubeApi, KubeError, KubeUnavailable, connect
from augmentation_worker.failure import WorkerFailure

Result = TypeVar("Result")
RETRY_SECONDS: Final = 120.0
"""How long the API server may be unavailable before a pod fails: longer than a control plane takes to restart."""
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 10.0


class ApiServerUnavailable(Exception):
    """A transient failure: the API server could not be reached, or is overloaded."""


class ClusterConnection:
    """KubeApi for code that is not asynchronous: its event loop runs in a thread of its own."""

    def __init__(self, api: KubeApi, loop: asyncio.AbstractEventLoop) -> None:
        self.api = api
        self._loop = loop

    def run(self, request: Coroutine[Any, Any, Result]) -> Result:
        """Wait for a request. Raises ApiServerUnavailable for a transient failure, else KubeError."""
        try:
            return asyncio.run_coroutine_threadsafe(request, self._loop).result()
        except KubeUnavailable as error:
            raise ApiServerUnavailable(str(error)) from error
        except KubeError as error:
            if error.is_transient:
                raise ApiServerUnavailable(str(error)) from error
            raise


def refused(error: KubeError, action: str, resource: str) -> WorkerFailure:
    """The failure of a pod that may not do something with a resource (its kind, namespace and name)."""
    return WorkerFailure(
        FailureReason.INTERNAL_ERROR, f"Kubernetes does not let the pod {action} the {resource}: {error}"
    )


@contextmanager
def connected(kubeconfig: str | None = None) -> Iterator[ClusterConnection]:
    """A connection to the cluster this pod is in, or to the one that a kubeconfig file names.

    Raises:
        WorkerFailure: there is neither.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="kubernetes", daemon=True)
    thread.start()
    manager = connect(kubeconfig)
    try:
        api = asyncio.run_coroutine_threadsafe(manager.__aenter__(), loop).result()
    except ConfigException as error:
        raise WorkerFailure(FailureReason.INTERNAL_ERROR, f"there is no way to reach Kubernetes: {error}") from error
    try:
        yield ClusterConnection(api, loop)
    finally:
        asyncio.run_coroutine_threadsafe(manager.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def retry_until_available(
    request: Callable[[], Result], *, seconds: float = RETRY_SECONDS, sleep: Callable[[float], None] = time.sleep
) -> Result:
    """Send a request until the API server answers. Raises WorkerFailure(KUBERNETES_UNAVAILABLE) after `seconds`."""
    retrying = Retrying(
        retry=retry_if_exception_type(ApiServerUnavailable),
        wait=wait_exponential(multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS),
        stop=stop_before_delay(seconds),
        sleep=sleep,
        reraise=True,
    )
    try:
        return retrying(request)
    except ApiServerUnavailable as error:
        raise WorkerFailure(
            FailureReason.KUBERNETES_UNAVAILABLE,
            f"the Kubernetes API server was unavailable for {seconds:.0f} seconds: {error}",
        ) from error
