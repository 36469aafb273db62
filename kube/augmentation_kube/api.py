"""KubeApi: what the programs ask of the API server, as coroutines over plain JSON objects. `connect` gives one."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Protocol

from augmentation_kube.paths import Resource

Json = dict[str, Any]


class Collection(Protocol):
    """The two requests by which a collection is followed."""

    def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str | None = None,
        *,
        field_selector: str | None = None,
        size: int = 500,
    ) -> AsyncGenerator[Json, None]:
        """A whole collection as `list` gives it, in lists of at most `size`: no more than one of them is in memory.

        Raises KubeError with status 410 when the pages took so long that the version of the first one has expired.
        """

    def watch(
        self,
        resource: Resource,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str | None = None,
        *,
        field_selector: str | None = None,
        timeout_seconds: int = 290,
        opened: Callable[[], None] | None = None,
    ) -> AsyncGenerator[Json, None]:
        """Changes after `resource_version`, with bookmarks, until the server ends the watch after `timeout_seconds`.

        Yields watch events `{"type": ADDED|MODIFIED|DELETED|BOOKMARK, "object": {...}}`. `opened` is called once the
        server has begun to answer: from then on silence means no changes. Raises KubeError with status 410
        when that version is too old: list again.
        """


class KubeApi(Collection, Protocol):
    """The API server. Every method raises KubeError (it refused) or KubeUnavailable (it could not be reached)."""

    async def get(
        self, resource: Resource, name: str, namespace: str | None = None, *, subresource: str | None = None
    ) -> Json:
        """One object, or a subresource of it."""

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str | None = None,
        *,
        field_selector: str | None = None,
    ) -> Json:
        """A whole collection, consistent as of its resourceVersion: the list object with `items` and `metadata`."""

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

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> None:
        """Delete an object; the garbage collector then deletes what it owns. No error if it does not exist.

        With `uid`, only the object that has it: another one that has the name by now is left alone. With
        `resource_version` too, only if it has not changed since.
        """
