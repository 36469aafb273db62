"""A Kubernetes API in memory: it keeps what is written as the real one does, and fails when a test says so.

conformance.py compares it with the real API server. Not modelled: validation and defaults, rights, namespaces that do
not exist, and controllers but for the garbage collector, which here acts at once.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from typing_extensions import override

from augmentation_api.identifiers import GROUP
from augmentation_api.model import to_rfc3339
from augmentation_kube import KubeApi, KubeError, Resource
from tests.kubernetes.field_ownership import FieldOwnership, clone, list_keys
from tests.kubernetes.selectors import Test, selector

Json = dict[str, Any]
Items = list[Json]
Owner = tuple[str, str, str]
"""A field manager, how it writes (Apply, Update), and the subresource by which it does."""

KUEUE = frozenset(
    {Resource.WORKLOADS, Resource.LOCAL_QUEUES, Resource.VISIBLE_QUEUES, Resource.WORKLOAD_PRIORITY_CLASSES}
)
_WITH_STATUS = frozenset({Resource.AUGMENTATION_JOBS, Resource.JOBS, Resource.PODS, Resource.NODES, Resource.WORKLOADS})
_CLUSTER_SCOPED = frozenset(
    {
        Resource.NODES,
        Resource.NAMESPACES,
        Resource.AUGMENTATION_CLASSES,
        Resource.PRIORITY_CLASSES,
        Resource.WORKLOAD_PRIORITY_CLASSES,
        Resource.CUSTOM_RESOURCES,
    }
)
_FROM_SERVER = ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")
_NOT_SPEC = ("metadata", "status", "apiVersion", "kind")
_NOBODY = "unknown"
"""Field manager of who names none."""


_NOTHING: Mapping[str, Any] = {}


class Call(NamedTuple):
    """A request, whether or not it succeeded."""

    verb: str
    resource: Resource
    namespace: str | None
    name: str = ""
    subresource: str = ""
    body: Mapping[str, Any] = _NOTHING
    field_manager: str | None = None
    dry_run: bool = False
    selectors: tuple[str | None, str | None] = (None, None)
    """Of labels and of fields."""
    preconditions: tuple[str | None, str | None] = (None, None)
    """Of a deletion: uid and resource version."""


class Change(NamedTuple):
    """What one write made of one object; None: it did not exist before, or does not any more."""

    version: int
    resource: Resource
    before: Json | None
    after: Json | None

    def event(self, namespace: str | None, chosen: Test) -> Json | None:
        """The event that a watch of a namespace shows, if any."""
        body = self.after or self.before
        assert body is not None
        if namespace not in (None, body["metadata"].get("namespace")):
            return None
        was, is_ = self.before is not None and chosen(self.before), self.after is not None and chosen(self.after)
        if not (was or is_):
            return None
        if not is_ and self.before is not None:  # as it was last, at the version by which it went
            body = clone(self.before)
            body["metadata"]["resourceVersion"] = str(self.version)
        kind = "DELETED" if not is_ else "MODIFIED" if was else "ADDED"
        return {"type": kind, "object": clone(body)}


class _Key(NamedTuple):
    resource: Resource
    namespace: str
    name: str


@dataclass
class _Fault:
    error: BaseException
    matches: Callable[[Call], bool]
    skip: int
    times: int | None
    after_effect: bool

    def strikes(self, call: Call) -> bool:
        """Whether this request is one of those that fail."""
        if self.times == 0 or not self.matches(call):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class InMemoryKube(KubeApi):
    """Objects by resource, namespace and name.

    Args:
        clock: gives the moment of each creation.
        missing: resources that are not served, because what serves them is not installed.
        first_version: resource version before the first write.

    Attributes:
        calls: all requests so far, in order.
        failed_calls: which of them failed, by their place in `calls`.
        pauses: gives how often other tasks may run before the next request takes effect.
        changes: all writes so far that changed something, in order: what a watch shows.
    """

    def __init__(
        self,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        missing: Collection[Resource] = KUEUE,
        first_version: int = 0,
    ) -> None:
        self.calls: list[Call] = []
        self.failed_calls: set[int] = set()
        self.changes: list[Change] = []
        self.pauses: Callable[[], int] = lambda: 1
        self.missing = frozenset(missing)
        self._clock = clock
        self._objects: dict[_Key, Json] = {}
        self._owners: dict[_Key, FieldOwnership] = {}
        self._subresources: dict[tuple[_Key, str], Json] = {}
        self._version, self._oldest, self._uids = first_version, first_version, 0
        self._faults: list[_Fault] = []
        self._rests: dict[str, tuple[int, Items]] = {}
        self._changed = asyncio.Event()
        self._ending: BaseException | None = None
        self._watches_ended = 0

    # What a test does and sees.

    def fail(
        self,
        error: BaseException,
        verb: str | None = None,
        resource: Resource | None = None,
        *,
        subresource: str | None = None,
        skip: int = 0,
        times: int | None = None,
        after_effect: bool = False,
    ) -> None:
        """Let requests fail from now on until `recover`: all, or those of a kind.

        The first `skip` of them succeed still, and no more than `times` fail. With `after_effect` a request is carried
        out, and its answer is lost.
        """

        def matches(call: Call) -> bool:
            return (
                verb in (None, call.verb)
                and resource in (None, call.resource)
                and subresource in (None, call.subresource)
            )

        self._faults.append(_Fault(error, matches, skip, times, after_effect))

    def recover(self) -> None:
        """Let no request fail any more."""
        self._faults.clear()

    def put(self, resource: Resource, body: Mapping[str, Any], namespace: str | None = None) -> Json:
        """Write an object as it is, status and metadata included, in place of what there is of its name."""
        key = self._key(resource, namespace, body)
        old = self._objects.get(key)
        api_version, kind = _type(resource)
        new = {"apiVersion": api_version, "kind": kind, **clone(body)}
        place = {"namespace": key.namespace} if key.namespace else {}
        new["metadata"] = {**(_from_server(old) if old else self._identity()), **new["metadata"], **place}
        return clone(self._store(key, old, new, (_NOBODY, "Update", "")))

    def put_subresource(
        self, resource: Resource, name: str, namespace: str, subresource: str, body: Json | None
    ) -> None:
        """Set what a read of a subresource gives that is no part of the object; None: it is not found."""
        key = _Key(resource, namespace, name), subresource
        self._subresources.pop(key, None)
        if body is not None:
            self._subresources[key] = clone(body)

    def delete_now(self, resource: Resource, name: str, namespace: str | None = None) -> None:
        """Delete an object as a request does, without one; it may have to wait for its finalizers."""
        key = _Key(resource, namespace or "", name)
        if key in self._objects:
            self._delete(key)

    def remove(self, resource: Resource, name: str, namespace: str | None = None) -> None:
        """Remove an object at once, whatever it waits for, and what it owns."""
        self._remove(_Key(resource, namespace or "", name))

    def find(self, resource: Resource, name: str, namespace: str | None = None) -> Json | None:
        """An object, without a request. Not to be changed."""
        return self._objects.get(_Key(resource, namespace or "", name))

    def all(self, resource: Resource, namespace: str | None = None) -> Iterator[Json]:
        """The objects of a collection by namespace and name, without a request. Not to be changed."""
        keys = [key for key in self._objects if key.resource is resource and namespace in (None, key.namespace)]
        for key in sorted(keys, key=lambda key: (key.namespace, key.name)):
            yield self._objects[key]

    def expire(self) -> None:
        """Forget how things came to be as they are: watches can be resumed only from the present version."""
        self._oldest = self._version

    def end_watches(self, error: BaseException | None = None) -> None:
        """End the watches that are open: in order, or with an error."""
        self._ending = error
        self._watches_ended += 1
        self._wake()

    # KubeApi.

    @override
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
        query, body = query or {}, body or {}
        key = self._key(resource, namespace, body) if verb == "create" else _Key(resource, namespace or "", name or "")
        wanted = body.get("preconditions", {}) if verb == "delete" else {}
        call = Call(
            verb,
            resource,
            namespace,
            key.name,
            subresource or "",
            _NOTHING if verb == "delete" else clone(body),
            query.get("fieldManager"),
            "dryRun" in query,
            (query.get("labelSelector"), query.get("fieldSelector")),
            (wanted.get("uid"), wanted.get("resourceVersion")),
        )
        async with self._call(call):
            match verb:
                case "get":
                    return self._get(key, subresource)
                case "list":
                    return self._list(call, query)
                case "create":
                    return self._create(key, call)
                case "apply":
                    return self._apply(key, call)
                case "patch":
                    return self._merge(key, call)
                case _:
                    self._delete_if(key, call)
                    return {}

    @override
    async def _watch(
        self, resource: Resource, namespace: str | None, query: Mapping[str, str], opened: Callable[[], None]
    ) -> AsyncGenerator[Json, None]:
        selectors, resource_version = (query.get("labelSelector"), query.get("fieldSelector")), query["resourceVersion"]
        async with self._call(Call("watch", resource, namespace, selectors=selectors)):
            if int(resource_version) < self._oldest:
                message = f"too old resource version: {resource_version} ({self._oldest})"
                raise KubeError(410, "Expired", message)
        opened()
        chosen = selector(*selectors)
        position = bisect_right(self.changes, int(resource_version), key=lambda change: change.version)
        until, ended = time.monotonic() + int(query["timeoutSeconds"]), self._watches_ended
        while ended == self._watches_ended:
            while position < len(self.changes):
                change = self.changes[position]
                position += 1
                if change.resource is resource and (event := change.event(namespace, chosen)) is not None:
                    yield event
            try:
                await asyncio.wait_for(self._changed.wait(), until - time.monotonic())
            except TimeoutError:
                return
        if self._ending is not None:
            raise self._ending

    # The answers to requests.

    def _get(self, key: _Key, subresource: str | None) -> Json:
        if subresource in (None, "status"):
            return clone(self._existing(key))
        if (answer := self._subresources.get((key, subresource or ""))) is None:
            raise _not_found(key)
        return clone(answer)

    def _list(self, call: Call, query: Mapping[str, str]) -> Json:
        if (token := query.get("continue")) is None:
            chosen = selector(*call.selectors)
            version, items = self._version, [body for body in self.all(call.resource, call.namespace) if chosen(body)]
        else:
            version, items = self._rests[token]
            if version < self._oldest:
                message = "The provided continue parameter is too old to display a consistent list result."
                raise KubeError(410, "Expired", message)
        size = int(query.get("limit", len(items)))
        page, rest = self._listing(call.resource, items[:size], version), items[size:]
        if rest:
            token = f"{version}.{len(self.calls)}"
            self._rests[token] = version, rest
            page["metadata"] |= {"continue": token, "remainingItemCount": len(rest)}
        return page

    def _create(self, key: _Key, call: Call) -> Json:
        if key in self._objects:
            raise KubeError(409, "AlreadyExists", f"{_named(key)} already exists")
        new = self._new(key, call.body)
        if call.dry_run:
            return new
        return clone(self._store(key, None, new, (call.field_manager or _NOBODY, "Update", "")))

    def _apply(self, key: _Key, call: Call) -> Json:
        body, subresource = call.body, call.subresource or None
        old = self._objects.get(key)
        owner = (call.field_manager or _NOBODY, "Apply", call.subresource)
        if old is None:
            if subresource is not None:
                raise _not_found(key)
            if uid := body["metadata"].get("uid"):
                problem = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                raise _conflict(key, problem)
            ownership = FieldOwnership(list_keys(key.resource))
            ownership.apply(owner, {}, _part(body, key.resource, subresource))
            return clone(self._store(key, None, self._new(key, body), owner, ownership))
        _check_preconditions(key, old, body["metadata"], subresource)
        ownership = self._owners[key].copy()
        new = ownership.apply(owner, old, _part(body, key.resource, subresource))
        new["metadata"] = {**new["metadata"], **_from_server(old)}
        return clone(self._store(key, old, new, owner, ownership))

    def _merge(self, key: _Key, call: Call) -> Json:
        body, subresource = call.body, call.subresource or None
        old = self._existing(key)
        _check_preconditions(key, old, body.get("metadata", {}), subresource)
        new = _merge(old, _part(body, key.resource, subresource))
        new["metadata"] |= _from_server(old)
        return clone(self._store(key, old, new, (call.field_manager or _NOBODY, "Update", call.subresource)))

    def _delete_if(self, key: _Key, call: Call) -> None:
        metadata, (uid, resource_version) = self._existing(key)["metadata"], call.preconditions
        if uid not in (None, metadata["uid"]) or resource_version not in (None, metadata["resourceVersion"]):
            raise _conflict(key, "the precondition of the request does not hold")
        self._delete(key)

    # How things are kept.

    @asynccontextmanager
    async def _call(self, call: Call) -> AsyncIterator[None]:
        for _ in range(self.pauses()):
            await asyncio.sleep(0)
        number = len(self.calls)
        self.calls.append(call)
        self.failed_calls.add(number)
        fault = next((fault for fault in self._faults if fault.strikes(call)), None)
        if fault is not None and not fault.after_effect:
            raise fault.error
        if call.resource in self.missing:
            raise KubeError(404, "", "404 page not found\n")
        yield
        if fault is not None:
            raise fault.error
        self.failed_calls.discard(number)

    def _key(self, resource: Resource, namespace: str | None, body: Mapping[str, Any]) -> _Key:
        metadata = body["metadata"]
        place = "" if resource in _CLUSTER_SCOPED else namespace or metadata.get("namespace") or "default"
        return _Key(resource, place, metadata["name"])

    def _existing(self, key: _Key) -> Json:
        if (found := self._objects.get(key)) is None:
            raise _not_found(key)
        return found

    def _listing(self, resource: Resource, items: Iterable[Json], version: int) -> Json:
        api_version, kind = _type(resource)
        own = [clone(body) for body in items]
        if not resource.value.prefix.startswith(f"/apis/{GROUP}"):
            for body in own:  # as the API server sends what it is compiled with
                body.pop("kind", None)
                body.pop("apiVersion", None)
        metadata: Json = {"resourceVersion": str(version)}
        return {"apiVersion": api_version, "kind": f"{kind}List", "metadata": metadata, "items": own}

    def _new(self, key: _Key, body: Mapping[str, Any]) -> Json:
        """What becomes of an object when it is created."""
        new: Json = dict(clone(body))
        api_version, kind = _type(key.resource)
        if key.resource in _WITH_STATUS:
            new.pop("status", None)
        metadata = {name: value for name, value in new["metadata"].items() if name not in _FROM_SERVER}
        place = {"namespace": key.namespace} if key.namespace else {}
        return {"apiVersion": api_version, "kind": kind, **new, "metadata": metadata | place | self._identity()}

    def _identity(self) -> Json:
        self._uids += 1
        return {
            "uid": f"00000000-0000-4000-8000-{self._uids:012}",
            "generation": 1,
            "creationTimestamp": to_rfc3339(self._clock()),
        }

    def _store(
        self, key: _Key, old: Json | None, new: Json, owner: Owner, ownership: FieldOwnership | None = None
    ) -> Json:
        """Take over what a write has made of an object; what is as before is no change."""
        if ownership is None:
            ownership = self._owners[key] if old is not None else FieldOwnership(list_keys(key.resource))
            ownership.update(owner, old or {}, new)
        self._owners[key] = ownership
        if old is not None:
            if old == new:
                return old
            if any(old.get(name) != new.get(name) for name in old.keys() | new.keys() if name not in _NOT_SPEC):
                new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
        self._version += 1
        new["metadata"]["resourceVersion"] = str(self._version)
        self._objects[key] = new
        self._note(key, old, new)
        if new["metadata"].get("deletionTimestamp") and not new["metadata"].get("finalizers"):
            self._remove(key)
        return new

    def _delete(self, key: _Key) -> None:
        body = self._objects[key]
        if not (body["metadata"].get("finalizers") or _is_graceful(key.resource, body)):
            self._remove(key)
        elif "deletionTimestamp" not in body["metadata"]:
            new = clone(body)
            new["metadata"]["deletionTimestamp"] = to_rfc3339(self._clock())
            self._version += 1
            new["metadata"]["resourceVersion"] = str(self._version)
            self._objects[key] = new
            self._note(key, body, new)

    def _remove(self, key: _Key) -> None:
        if (body := self._objects.pop(key, None)) is None:
            return
        del self._owners[key]
        self._version += 1
        last = clone(body)
        last["metadata"]["resourceVersion"] = str(self._version)
        self._note(key, last, None)
        uid = body["metadata"]["uid"]
        for other, owned in list(self._objects.items()):
            owners = owned["metadata"].get("ownerReferences") or []
            if other in self._objects and owners and all(reference["uid"] == uid for reference in owners):
                self._delete(other)

    def _note(self, key: _Key, before: Json | None, after: Json | None) -> None:
        self.changes.append(Change(self._version, key.resource, before, after))
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _type(resource: Resource) -> tuple[str, str]:
    """apiVersion and kind of a resource's objects."""
    group_and_version = resource.value.prefix.removeprefix("/apis/").removeprefix("/api/")
    return group_and_version, resource.value.kind


def _group(resource: Resource) -> str:
    api_version, _ = _type(resource)
    return api_version.rpartition("/")[0]


def _named(key: _Key) -> str:
    return f'{".".join(part for part in (key.resource.value.plural, _group(key.resource)) if part)} "{key.name}"'


def _not_found(key: _Key) -> KubeError:
    return KubeError(404, "NotFound", f"{_named(key)} not found")


def _conflict(key: _Key, problem: str) -> KubeError:
    return KubeError(409, "Conflict", f"Operation cannot be fulfilled on {_named(key)}: {problem}")


def _from_server(body: Json) -> Json:
    """What of an object's metadata only the API server writes."""
    return {name: value for name, value in body["metadata"].items() if name in _FROM_SERVER}


def _is_graceful(resource: Resource, body: Json) -> bool:
    """Whether a deleted object stays until a kubelet has ended it."""
    ended = body.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return resource is Resource.PODS and bool(body.get("spec", {}).get("nodeName")) and not ended


def _check_preconditions(key: _Key, body: Json, wanted: Mapping[str, Any], subresource: str | None = None) -> None:
    """Refuse a write that is meant for another object of this name, or for an older version of it.

    By the status of a custom resource nobody writes its metadata, and so a uid in them is not looked at.
    """
    metadata = body["metadata"]
    is_custom = key.resource.value.prefix.startswith(f"/apis/{GROUP}")
    if wanted.get("uid", metadata["uid"]) != metadata["uid"] and not (subresource and is_custom):
        kind = ".".join(part for part in (key.resource.value.kind, _group(key.resource)) if part)
        problem = f'metadata.uid: Invalid value: "{wanted["uid"]}": field is immutable'
        raise KubeError(422, "Invalid", f'{kind} "{key.name}" is invalid: {problem}')
    if wanted.get("resourceVersion", metadata["resourceVersion"]) != metadata["resourceVersion"]:
        problem = "the object has been modified; please apply your changes to the latest version and try again"
        raise _conflict(key, problem)


def _part(body: Mapping[str, Any], resource: Resource, subresource: str | None) -> Json:
    """What a request may write of an object: by its status subresource the status, otherwise the rest."""
    if resource not in _WITH_STATUS:
        return dict(body)
    names = ("status",) if subresource == "status" else [name for name in body if name != "status"]
    return {name: body[name] for name in names if name in body}


def _merge(live: Any, patch: Any) -> Any:
    """JSON merge patch, RFC 7386."""
    if not isinstance(patch, Mapping):
        return clone(patch)
    merged = {name: clone(value) for name, value in live.items()} if isinstance(live, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged
