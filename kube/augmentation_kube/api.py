"""KubeApi: what the programs ask of the API server, as coroutines over plain JSON objects. `connect` gives one."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from augmentation_kube.errors import KubeError
from augmentation_kube.paths import Resource

Json = dict[str, Any]


class KubeApi(ABC):
    """The API server. Every method raises KubeError (it refused) or KubeUnavailable (it could not be reached)."""

    async def get(
        self, resource: Resource, name: str, namespace: str | None = None, *, subresource: str | None = None
    ) -> Json:
        """One object, or a subresource of it."""
        return await self._send("get", resource, namespace, name, subresource)

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str | None = None,
        *,
        field_selector: str | None = None,
    ) -> Json:
        """A whole collection, consistent as of its resourceVersion: the list object with `items` and `metadata`."""
        return await self._send("list", resource, namespace, query=_selected(label_selector, field_selector))

    async def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str | None = None,
        *,
        field_selector: str | None = None,
        size: int = 500,
    ) -> AsyncGenerator[Json, None]:
        """A whole collection in pages of at most `size` objects, each as `list` gives it; one at a time is in memory.

        Raises KubeError with status 410 when the pages took so long that the version of the first one has expired.
        """
        query = {"limit": str(size), **_selected(label_selector, field_selector)}
        while True:
            page = await self._send("list", resource, namespace, query=query)
            yield page
            if not (more := page["metadata"].get("continue")):
                return
            query["continue"] = more

    def watch(
        self,
        resource: Resource,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str | None = None,
        *,
        field_selector: str | None = None,
        timeout_seconds: int = 290,
        opened: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator[Json, None]:
        """Watch for changes after `resource_version`, until the server ends the watch after `timeout_seconds`.

        Yields events `{"type": ADDED|MODIFIED|DELETED|BOOKMARK, "object": {...}}`. `opened` is called once the
        server has begun to answer: from then on silence means no changes. Raises KubeError with status 410
        when that version is too old: list again.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
            **_selected(label_selector, field_selector),
        }
        return self._watch(resource, namespace, query, opened)

    async def create(
        self,
        resource: Resource,
        body: Mapping[str, Any],
        namespace: str | None = None,
        *,
        field_manager: str | None = None,
        dry_run: bool = False,
    ) -> Json:
        """Create an object; KubeError 409 AlreadyExists if there is one of that name.

        With `dry_run` everything is checked and nothing is stored; gives the object as it would have been.
        """
        query = _managed_by(field_manager) | ({"dryRun": "All"} if dry_run else {})
        return await self._send("create", resource, namespace, query=query, body=body)

    async def apply(
        self,
        resource: Resource,
        name: str,
        body: Mapping[str, Any],
        *,
        field_manager: str,
        namespace: str | None = None,
        subresource: str | None = None,
    ) -> Json:
        """Server-side apply with force: `field_manager` owns exactly the fields of `body` from now on."""
        query = {"fieldManager": field_manager, "force": "true"}
        return await self._send("apply", resource, namespace, name, subresource, query=query, body=body)

    async def merge_patch(
        self,
        resource: Resource,
        name: str,
        body: Mapping[str, Any],
        *,
        namespace: str | None = None,
        subresource: str | None = None,
        field_manager: str | None = None,
    ) -> Json:
        """JSON merge patch (RFC 7386): the fields of `body` are set, its nulls removed, the rest stays."""
        query = _managed_by(field_manager)
        return await self._send("patch", resource, namespace, name, subresource, query=query, body=body)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        foreground: bool = False,
    ) -> None:
        """Delete an object; the garbage collector then deletes what it owns. No error if it does not exist.

        With `foreground`, the object stays until that has happened.

        With `uid`, only the object that has it: another one that has the name by now is left alone. With
        `resource_version` too, only if it has not changed since.
        """
        body: Json = {"propagationPolicy": "Foreground" if foreground else "Background"}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
            if resource_version:
                body["preconditions"]["resourceVersion"] = resource_version
        try:
            await self._send("delete", resource, namespace, name, body=body)
        except KubeError as error:
            if error.status != 404 and not (error.status == 409 and uid is not None):
                raise

    @abstractmethod
    async def _send(
        self,
        verb: str,
        resource: Resource,
        namespace: str | None,
        name: str | None = None,
        subresource: str | None = None,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Json:
        """Send one request, and give the answer to it."""

    @abstractmethod
    def _watch(
        self, resource: Resource, namespace: str | None, query: Mapping[str, str], opened: Callable[[], None]
    ) -> AsyncGenerator[Json, None]:
        """Send the request of a watch, and give its events."""


def _selected(label_selector: str | None, field_selector: str | None) -> dict[str, str]:
    """Query parameters of the selectors that are given."""
    selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {name: selector for name, selector in selectors.items() if selector}


def _managed_by(field_manager: str | None) -> dict[str, str]:
    """Query parameter of the field manager; without it the API server derives one from the user agent."""
    return {"fieldManager": field_manager} if field_manager else {}
