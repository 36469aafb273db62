"""Keeps a copy of a collection current: list, then watch, then resume the watch from where it broke off."""

import asyncio
import logging
import random
import time
from typing import Any, Protocol

from augmentation_kube.api import KubeApi
from augmentation_kube.errors import KubeError, KubeUnavailable
from augmentation_kube.paths import Resource

_log = logging.getLogger(__name__)

SILENCE_SECONDS = 90.0
"""The API server sends a bookmark per minute; a watch that is silent for longer hangs on a dead connection."""
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 2.0
"""A restarting API server refuses, forbids and throttles for seconds before it serves. A few replicas that retry every
other second are no load, and are current again that much sooner."""
STABLE_SECONDS = 5.0
"""A watch that lasted this long is restarted without delay; a shorter one is a failure to back off from."""


class Copy(Protocol):
    """The local copy that a reflector keeps current. Only the reflector calls these methods."""

    def keep(self, raw: dict[str, Any]) -> Any:
        """Reduce a listed object to what is needed. Called page by page, so that only this stays in memory."""

    def replace(self, listing: dict[str, Any]) -> None:
        """Replace the copy by a complete list, whose `items` are results of `keep`."""

    def apply(self, event: dict[str, Any]) -> int:
        """Apply one watch event. Returns the version from which the watch can be resumed."""

    def __len__(self) -> int:
        """Number of objects in the copy."""


class Reflector:
    """Keeps one collection current for as long as `run` runs.

    Args:
        source: the Kubernetes API.
        resource: the collection.
        namespace: of the objects; None: all namespaces.
        copy: the local copy to keep current.
        label_selector: selects objects by labels; None: all.
        field_selector: selects objects by fields, e.g. `metadata.name=NAME`, which needs a right to one object only.
    """

    def __init__(
        self,
        source: KubeApi,
        resource: Resource,
        namespace: str | None,
        copy: Copy,
        label_selector: str | None = None,
        *,
        field_selector: str | None = None,
    ) -> None:
        self._source = source
        self._resource = resource
        self._namespace = namespace
        self._copy = copy
        self._labels, self._fields_selected = label_selector, field_selector
        self._version: str | None = None
        self._connected = False
        self._last_contact = time.monotonic()
        self._last_error = ""
        self.starts = 0
        """Number of watches opened so far."""

    @property
    def age(self) -> float | None:
        """Seconds since the copy was last known to be current; None while a watch keeps it current."""
        return None if self._connected else time.monotonic() - self._last_contact

    async def run(self) -> None:
        """Follow the collection until cancelled; every failure is retried."""
        delay = FIRST_DELAY_SECONDS
        while True:
            began = time.monotonic()
            resuming = self._version is not None
            try:
                await self._watch(self._version or await self._list())
            except KubeError as error:
                self._on_disconnect(str(error))
                if error.status == 410:
                    # Too old to resume from: what happened in between is only in a new list, wanted now. Where a new
                    # list is too old as well, something is wrong that haste will not mend.
                    self._version = None
                    if resuming:
                        continue
            except KubeUnavailable as error:
                if self._connected:
                    # Current until the connection broke, even if the last change came long before.
                    self._last_contact = time.monotonic()
                self._on_disconnect(str(error))
            except TimeoutError:
                self._on_disconnect(f"the watch was silent for {SILENCE_SECONDS:.0f} s")
            except Exception as error:
                # A bug here must not leave a stale copy that nothing renews.
                _log.exception("unexpected error in the reflector of %s", self._resource.value.plural)
                self._on_disconnect(f"internal error ({type(error).__name__}), see the log")
                self._version = None
            if time.monotonic() - began >= STABLE_SECONDS:
                delay = FIRST_DELAY_SECONDS
            await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311 - jitter, so that replicas spread out
            delay = min(2 * delay, LONGEST_DELAY_SECONDS)

    async def _list(self) -> str:
        items: list[Any] = []
        pages = self._source.pages(self._resource, self._namespace, self._labels, field_selector=self._fields_selected)
        async for page in pages:
            items += map(self._copy.keep, page["items"])
            metadata = page["metadata"]
        self._copy.replace({"metadata": metadata, "items": items})
        self._version = version = str(metadata["resourceVersion"])
        self._last_contact = time.monotonic()
        return version

    async def _watch(self, version: str) -> None:
        """Apply changes until the server ends the watch, as it does every few minutes."""
        events = self._source.watch(
            self._resource,
            version,
            self._namespace,
            self._labels,
            field_selector=self._fields_selected,
            opened=self._on_open,
        )
        try:
            while True:
                async with asyncio.timeout(SILENCE_SECONDS):
                    event = await anext(events, None)
                if event is None:
                    return
                self._version = str(self._copy.apply(event))
                self._last_contact = time.monotonic()
        finally:
            await events.aclose()

    def _on_open(self) -> None:
        self.starts += 1
        if not self._connected:
            self._connected = True
            self._last_error = ""
            _log.info("watch connected", extra={"fields": self._fields()})

    def _on_disconnect(self, error: str) -> None:
        self._connected = False
        if error != self._last_error:
            # Logged once, not per retry: an API server can be unavailable for hours.
            self._last_error = error
            _log.warning("watch disconnected", extra={"fields": self._fields() | {"error": error}})

    def _fields(self) -> dict[str, object]:
        return {
            "resource": self._resource.value.plural,
            "namespace": self._namespace or "",
            "objects": len(self._copy),
        }
