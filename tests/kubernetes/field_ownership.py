"""Server-side apply as the API server does it: each field manager owns the fields that it applied.

A field is a path: names of fields, and for an item of a list that has keys (such as conditions by their type) the keys'
values. Everything else that is a list is one field.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as File
from typing import Any, NamedTuple, TypeVar

import yaml

from augmentation_kube import Resource

Json = dict[str, Any]
Value = TypeVar("Value")
CRDS = File(__file__).resolve().parents[2] / "deploy" / "crds"


class Item(NamedTuple):
    """An item of a list with keys, by the values of its keys."""

    keys: tuple[str, ...]
    values: tuple[Any, ...]


Path = tuple[str | Item, ...]
Names = tuple[str, ...]
"""A path without the items: where in a schema it is."""
ListKeys = Mapping[Names, tuple[str, ...]]
"""The lists of a resource that have keys; by the path with ATOMIC behind it, those whose items are one field each."""
ATOMIC = "*"

_OF_ALL: ListKeys = {("metadata", "ownerReferences"): ("uid",)}
_POD: ListKeys = {
    ("spec", "containers"): ("name",),
    ("spec", "containers", "env"): ("name",),
    ("spec", "volumes"): ("name",),
    ("status", "conditions"): ("type",),
}
_CONDITIONS: ListKeys = {("status", "conditions"): ("type",)}
_NOT_OWNED = frozenset(
    ("metadata", name)
    for name in ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")
) | {("apiVersion",), ("kind",)}


def list_keys(resource: Resource) -> ListKeys:
    """The lists of a resource that have keys, of a custom resource by its definition."""
    if resource not in _KNOWN:
        _KNOWN[resource] = {**_OF_ALL, **dict(_declared(resource))}
    return _KNOWN[resource]


_KNOWN: dict[Resource, ListKeys] = {
    Resource.PODS: {**_OF_ALL, **_POD},
    Resource.NODES: {**_OF_ALL, **_CONDITIONS},
    Resource.WORKLOADS: {**_OF_ALL, **_CONDITIONS},
}


def _declared(resource: Resource) -> Iterator[tuple[Names, tuple[str, ...]]]:
    for file in CRDS.glob(f"{resource.value.plural}.*.yaml"):
        for version in yaml.safe_load(file.read_text())["spec"]["versions"]:
            yield from _keyed_lists(version["schema"]["openAPIV3Schema"], ())


def _keyed_lists(schema: Json, at: Names) -> Iterator[tuple[Names, tuple[str, ...]]]:
    if keys := schema.get("x-kubernetes-list-map-keys"):
        yield at, tuple(keys)
        if schema["items"].get("x-kubernetes-map-type") == "atomic":
            yield (*at, ATOMIC), ()
        yield from _keyed_lists(schema["items"], at)
    for name, field in schema.get("properties", {}).items():
        yield from _keyed_lists(field, (*at, name))


def clone(value: Value) -> Value:
    """A copy of JSON that shares nothing that can change."""
    return _clone(value)  # type: ignore[no-any-return]


def _clone(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _clone(each) for name, each in value.items()}
    return [_clone(each) for each in value] if isinstance(value, list) else value


class FieldOwnership:
    """The fields of one object by who owns them.

    An owner is a field manager with its way of writing: what it applies and what it writes otherwise are distinguished.
    """

    def __init__(self, keys: ListKeys) -> None:
        self._keys = keys
        self._owned: dict[tuple[str, ...], frozenset[Path]] = {}

    def of(self, *owner: str) -> frozenset[Path]:
        """What one owner has."""
        return self._owned.get(owner, frozenset())

    def copy(self) -> "FieldOwnership":
        """The same, to be changed on its own."""
        copied = FieldOwnership(self._keys)
        copied._owned = dict(self._owned)
        return copied

    def apply(self, owner: tuple[str, ...], live: Json, body: Mapping[str, Any]) -> Json:
        """What an object becomes by an apply, by force: who else had a field that becomes another loses it."""
        wanted = dict(self._fields(body))
        merged: Json = self._merge(live, body, ())
        others = [fields for who, fields in self._owned.items() if who != owner]
        for path in sorted(self.of(*owner) - wanted.keys(), key=len):
            if not any(path == theirs[: len(path)] for fields in others for theirs in fields):
                _remove(merged, path)
        before = dict(self._fields(live))
        self._take_from_others(owner, {path for path, value in wanted.items() if before.get(path, value) != value})
        self._owned[owner] = frozenset(wanted)
        return merged

    def update(self, owner: tuple[str, ...], live: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Note that an owner has written an object otherwise: it owns what is another than before."""
        before, after = dict(self._fields(live)), dict(self._fields(new))
        changed = {path for path, value in after.items() if path not in before or before[path] != value}
        self._take_from_others(owner, changed | (before.keys() - after.keys()))
        if fields := (self.of(*owner) | changed) & after.keys():
            self._owned[owner] = frozenset(fields)

    def _take_from_others(self, owner: tuple[str, ...], fields: Iterable[Path]) -> None:
        if taken := frozenset(fields):
            self._owned = {who: owned if who == owner else owned - taken for who, owned in self._owned.items()}

    def _fields(self, value: Any, at: Path = (), names: Names = ()) -> Iterator[tuple[Path, Any]]:
        """All fields of a value. An item of a list with keys is one too, whatever is in it."""
        if names in _NOT_OWNED:
            return
        if isinstance(value, Mapping) and value:
            for name, each in value.items():
                yield from self._fields(each, (*at, name), (*names, name))
        elif isinstance(value, list) and names in self._keys:
            for each in value:
                item = (*at, _item(each, self._keys[names]))
                if (*names, ATOMIC) in self._keys:
                    yield item, each
                else:
                    yield item, None
                    yield from self._fields(each, item, names)
        elif at:
            yield at, value

    def _merge(self, live: Any, body: Any, names: Names) -> Any:
        if isinstance(live, Mapping) and isinstance(body, Mapping):
            merged = {name: clone(each) for name, each in live.items() if name not in body}
            return merged | {name: self._merge(live.get(name), each, (*names, name)) for name, each in body.items()}
        if isinstance(live, list) and isinstance(body, list) and (keys := self._keys.get(names)):
            before, applied = ({_item(each, keys): each for each in items} for items in (live, body))
            is_atomic = (*names, ATOMIC) in self._keys
            merged_items = {
                item: clone(each) if is_atomic else self._merge(before.get(item), each, names)
                for item, each in applied.items()
            }
            return [merged_items[item] if item in applied else clone(before[item]) for item in _order(before, applied)]
        return clone(body)


def _order(live: Iterable[Item], applied: Iterable[Item]) -> Iterator[Item]:
    """The order of a merged list: that of what is applied, and what is only live stays behind what it was behind."""
    waiting, to_come = list(live), list(applied)
    shared = [item for item in to_come if item in waiting]
    while waiting or to_come:
        if waiting and waiting[0] not in to_come and waiting[0] not in shared:
            yield waiting.pop(0)
        elif waiting and to_come and waiting[0] != to_come[0] and shared and waiting[0] != shared[0]:
            waiting.pop(0)
        elif to_come:
            item = to_come.pop(0)
            if shared and shared[0] == item:
                shared.pop(0)
            if waiting and waiting[0] == item:
                waiting.pop(0)
            yield item
        else:
            waiting.pop(0)


def _item(value: Mapping[str, Any], keys: tuple[str, ...]) -> Item:
    return Item(keys, tuple(value.get(key) for key in keys))


def _remove(value: Any, path: Path) -> None:
    """Remove a field, and what is empty without it."""
    head, rest = path[0], path[1:]
    if isinstance(head, Item):
        found = next((each for each in value or () if _item(each, head.keys) == head), None)
        if found is None:
            return
        if rest:
            _remove(found, rest)
        else:
            value.remove(found)
    elif isinstance(value, dict) and head in value:
        if rest:
            _remove(value[head], rest)
        if not rest or value[head] in ({}, []):
            del value[head]
