"""The files of an image that one wants, as a container of it would see them, read from a registry."""

import json
import posixpath
import tarfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO, Any, cast

from devcluster.errors import DevclusterError

Open = Callable[[str, str], AbstractContextManager[IO[bytes]]]
"""Opens `manifests` or `blobs` (first) of a digest (second)."""

LARGEST = 64 * 2**20
"""No record of what is installed has more bytes."""

_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


def from_registry(repository: str, *, plain_http: bool) -> Open:
    """Read from a registry without a login. `repository`: host:port/name."""
    host, _, name = repository.partition("/")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    scheme = "http" if plain_http else "https"

    def opened(kind: str, digest: str) -> AbstractContextManager[IO[bytes]]:
        url = f"{scheme}://{host}/v2/{name}/{kind}/{digest}"
        request = urllib.request.Request(url, headers={"Accept": ", ".join(_MANIFESTS)})
        try:
            return cast(AbstractContextManager[IO[bytes]], direct.open(request, timeout=60))
        except OSError as error:
            raise DevclusterError(f"{repository}@{digest} cannot be read: {error}.") from error

    return opened


def files_of(opened: Open, digest: str, is_wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """The wanted files of an image by path without a leading slash: the last layer that has one wins."""
    found: dict[str, bytes] = {}
    for layer, _ in layer_sizes(opened, digest):
        with opened("blobs", layer) as blob:
            _add_layer(found, blob, is_wanted)
    return found


def layer_sizes(opened: Open, digest: str) -> list[tuple[str, int]]:
    """The compressed layers of an image, from its base on: digest and bytes."""
    manifest = _manifest(opened, digest)
    if "manifests" in manifest:  # an index: by platform, plus attestations of BuildKit
        images = [each for each in manifest["manifests"] if each.get("platform", {}).get("os") != "unknown"]
        manifest = _manifest(opened, images[0]["digest"])
    return [(layer["digest"], layer["size"]) for layer in manifest["layers"]]


def _manifest(opened: Open, digest: str) -> dict[str, Any]:
    with opened("manifests", digest) as answer:
        manifest: dict[str, Any] = json.load(answer)
    return manifest


def _add_layer(found: dict[str, bytes], blob: IO[bytes], is_wanted: Callable[[str], bool]) -> None:
    added: dict[str, bytes] = {}
    for name, content in _entries(blob, is_wanted):
        folder, base = posixpath.split(name)
        if base == _OPAQUE:
            _remove(found, folder)
        elif base.startswith(_WHITEOUT):
            _remove(found, posixpath.join(folder, base.removeprefix(_WHITEOUT)))
        else:
            added[name] = content
    # After the removals, wherever they stand: they are of what earlier layers have.
    found |= added


def _entries(blob: IO[bytes], is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=blob, mode="r|*") as layer:
        for member in layer:
            name = posixpath.normpath(member.name).lstrip("/")
            if posixpath.basename(name).startswith(_WHITEOUT):
                yield name, b""
            elif member.isfile() and is_wanted(name) and member.size <= LARGEST:
                content = layer.extractfile(member)
                if content is not None:
                    yield name, content.read()


def _remove(found: dict[str, bytes], path: str) -> None:
    for name in [name for name in found if name == path or name.startswith(f"{path}/")]:
        del found[name]
