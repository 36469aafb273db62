"""Commits as immutable values: every commit holds its whole tree, so reading one never needs another."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property


@dataclass(frozen=True)
class FileEntry:
    """A file in a tree.

    Attributes:
        sha256: hex digest of the content; where the blob lies.
        size: bytes of content.
        git_oid: hex sha1 git would give it: of the content or, for an LFS file, of its pointer.
        lfs: whether it was uploaded through LFS.
    """

    sha256: str
    size: int
    git_oid: str
    lfs: bool

    @property
    def etag(self) -> str:
        """What the hub names the content by: sha256 for LFS files, the git oid for the others."""
        return self.sha256 if self.lfs else self.git_oid

    @property
    def pointer_size(self) -> int:
        """Bytes of the LFS pointer file."""
        return len(_lfs_pointer(self.sha256, self.size))


@dataclass(frozen=True)
class Commit:
    """A snapshot and how it came about.

    Attributes:
        oid: 40 hex digits, derived from everything else.
        parent: oid of the commit before, None for the first.
        title, message: first line and the rest.
        author: user name.
        date: ISO 8601 UTC, milliseconds, "Z".
        files: path in the repository → entry.
    """

    oid: str
    parent: str | None
    title: str
    message: str
    author: str
    date: str
    files: Mapping[str, FileEntry]

    @cached_property
    def folders(self) -> dict[str, str]:
        """Path of every folder ("" is the root) → git tree oid."""
        return _git_trees(self.files)

    def to_json(self) -> bytes:
        """The file the store keeps."""
        return json.dumps(_body(self) | {"oid": self.oid}, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Commit":
        """Inverse of `to_json`."""
        fields = json.loads(data)
        fields["files"] = {path: FileEntry(**entry) for path, entry in fields["files"].items()}
        return cls(**fields)


def new_commit(parent: str | None, files: Mapping[str, FileEntry], *, title: str, message: str, author: str) -> Commit:
    """A commit named by the hash of its content, dated now."""
    draft = Commit("", parent, title, message, author, now(), files)
    canonical = json.dumps(_body(draft), sort_keys=True, separators=(",", ":")).encode()
    return Commit(
        hashlib.sha1(canonical, usedforsecurity=False).hexdigest(), parent, title, message, author, draft.date, files
    )


def regular_file(data: bytes) -> FileEntry:
    """Entry of a file that travels inside the commit."""
    return FileEntry(hashlib.sha256(data).hexdigest(), len(data), _git_oid(b"blob", data), lfs=False)


def lfs_file(sha256: str, size: int) -> FileEntry:
    """Entry of a file whose bytes were uploaded through LFS."""
    return FileEntry(sha256, size, _git_oid(b"blob", _lfs_pointer(sha256, size)), lfs=True)


def parents_of(path: str) -> list[str]:
    """Folders a path lies in, outermost first, without the root: a/b/c → a, a/b."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]


def now() -> str:
    """Current time in the hub's format."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _body(commit: Commit) -> dict[str, object]:
    return {
        "parent": commit.parent,
        "title": commit.title,
        "message": commit.message,
        "author": commit.author,
        "date": commit.date,
        "files": {path: asdict(entry) for path, entry in commit.files.items()},
    }


def _lfs_pointer(sha256: str, size: int) -> bytes:
    # The format of https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def _git_oid(kind: bytes, data: bytes) -> str:
    header = kind + b" " + str(len(data)).encode() + b"\0"
    return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()


def _git_trees(files: Mapping[str, FileEntry]) -> dict[str, str]:
    """Git's own tree oids, deepest folder first, so that a folder's id says whether its content changed."""
    children: dict[str, list[tuple[str, bytes, str]]] = {"": []}
    for path, entry in files.items():
        for folder in parents_of(path):
            children.setdefault(folder, [])
        folder, _, name = path.rpartition("/")
        children[folder].append((name, b"100644", entry.git_oid))
    oids: dict[str, str] = {}
    for path in sorted(children, key=lambda folder: folder.count("/") + bool(folder), reverse=True):
        # git sorts a folder as if its name ended with a slash
        listing = sorted(children[path], key=lambda child: (child[0] + "/" * (child[1] == b"40000")).encode())
        data = b"".join(mode + b" " + name.encode() + b"\0" + bytes.fromhex(oid) for name, mode, oid in listing)
        oids[path] = _git_oid(b"tree", data)
        if path:
            folder, _, name = path.rpartition("/")
            children[folder].append((name, b"40000", oids[path]))
    return oids
