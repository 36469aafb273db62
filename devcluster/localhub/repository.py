"""One dataset on disk: blobs named by content, commits named by content, and refs that are replaced in one step.

    repository.json   private, gated, created
    blobs/<sha256>    content of files, committed or not
    commits/<oid>     one JSON snapshot each
    refs/{heads,tags}/<quoted name>   a commit's oid

A write goes blobs → commit → ref, each durable before the next, so a kill leaves at worst unreferenced files. Blobs are
kept per repository: knowing the hash of somebody's private file gives no way to have it.
"""

import json
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote

from devcluster.localhub.durable import write_file
from devcluster.localhub.errors import HubError, entry_not_found, revision_not_found
from devcluster.localhub.snapshot import Commit, FileEntry, new_commit, parents_of

RefKind = Literal["heads", "tags"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_REF_NAME = re.compile(r"(?![-./])[^\x00-\x20\x7f~^:?*\[\\]{1,200}(?<![./])")


@dataclass(frozen=True)
class Add:
    """Put a file at a path."""

    path: str
    entry: FileEntry


@dataclass(frozen=True)
class Delete:
    """Remove a file, or everything below a folder."""

    path: str
    folder: bool


Change = Add | Delete


class Repository:
    """A dataset. Commits, tags and branches of one repository are made one at a time; reads never wait."""

    def __init__(self, repo_id: str, folder: Path, incoming: Path) -> None:
        self.id = repo_id
        self._folder = folder
        self._incoming = incoming
        self._writing = threading.Lock()
        about = json.loads((folder / "repository.json").read_bytes())
        self.private = bool(about["private"])
        self.gated: str | bool = about.get("gated", False)
        self.created = str(about["created"])

    @property
    def namespace(self) -> str:
        """User the dataset belongs to."""
        return self.id.split("/")[0]

    def change_visibility(self, *, private: bool | None, gated: str | bool | None) -> None:
        """Show the dataset to others, or hide it; None keeps what is."""
        with self._writing:
            self.private = self.private if private is None else private
            self.gated = self.gated if gated is None else gated
            about = {"private": self.private, "gated": self.gated, "created": self.created}
            write_file(self._folder / "repository.json", json.dumps(about).encode(), self._incoming)

    # Blobs

    def blob(self, sha256: str) -> Path:
        """Where a blob lies or would lie."""
        return self._folder / "blobs" / sha256

    def store_blob(self, entry: FileEntry, data: bytes) -> None:
        """Keep the bytes of a regular file."""
        if not self.blob(entry.sha256).exists():
            write_file(self.blob(entry.sha256), data, self._incoming)

    def blob_size(self, sha256: str) -> int | None:
        """Bytes of an uploaded blob, None where there is none. The name may come from anybody, so it is checked."""
        if not _SHA256.fullmatch(sha256):
            return None
        try:
            return self.blob(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def is_committed(self, sha256: str) -> bool:
        """Whether a branch or a tag has a file with this content now."""
        heads = {*self.refs("heads").values(), *self.refs("tags").values()}
        return any(entry.sha256 == sha256 for oid in heads for entry in self._load(oid).files.values())

    # Revisions

    def refs(self, kind: RefKind) -> dict[str, str]:
        """Name → commit oid of all branches or tags."""
        files = sorted((self._folder / "refs" / kind).iterdir())
        return {unquote(file.name): file.read_text() for file in files}

    def commit(self, revision: str) -> Commit:
        """Resolve a branch, a tag, or a commit's oid or its first seven or more digits; raises RevisionNotFound."""
        for kind in ("heads", "tags"):
            oid = self._read_ref(kind, revision)
            if oid is not None:
                return self._load(oid)
        if re.fullmatch(r"[0-9a-f]{7,40}", revision):
            found = list((self._folder / "commits").glob(f"{revision}*"))
            if len(found) == 1:
                return self._load(found[0].name)
        raise revision_not_found(revision)

    def history(self, commit: Commit) -> Iterator[Commit]:
        """A commit and its ancestors, newest first."""
        yield commit
        while commit.parent is not None:
            commit = self._load(commit.parent)
            yield commit

    # Changes

    def apply(
        self, branch: str, changes: Iterable[Change], *, title: str, message: str, author: str, parent: str | None
    ) -> Commit:
        """Make one commit on a branch.

        Raises:
            HubError: 404 for an unknown branch or a deletion of nothing, 412 where `parent` is no longer the head,
                400 where a path would be both a file and a folder.
        """
        with self._writing:
            oid = self._read_ref("heads", branch)
            if oid is None:
                raise revision_not_found(branch)
            if parent is not None and (len(parent) < 7 or not oid.startswith(parent)):
                raise HubError(412, "A commit has happened since. Please refresh and try again.")
            files = dict(self._load(oid).files)
            for change in changes:
                _change(files, change)
            _refuse_file_and_folder(files)
            commit = new_commit(oid, files, title=title, message=message, author=author)
            write_file(self._folder / "commits" / commit.oid, commit.to_json(), self._incoming)
            self._write_ref("heads", branch, commit.oid)
            return commit

    def create_ref(self, kind: RefKind, name: str, revision: str) -> None:
        """Name a commit; 409 where the name is taken, 404 for an unknown revision, 400 for a malformed name."""
        if not _is_ref_name(name):
            raise HubError(400, f'"{name}" is not a valid reference name')
        with self._writing:
            target = self.commit(revision).oid
            if self._read_ref(kind, name) is not None:
                raise HubError(409, f"Reference already exists: {name}")
            self._write_ref(kind, name, target)

    def delete_ref(self, kind: RefKind, name: str) -> None:
        """Take a name away; 404 where there is none, 403 for the main branch."""
        if kind == "heads" and name == "main":
            raise HubError(403, "Cannot delete the main branch")
        with self._writing:
            if self._read_ref(kind, name) is None:
                raise revision_not_found(name)
            self._ref(kind, name).unlink()

    def _ref(self, kind: str, name: str) -> Path:
        return self._folder / "refs" / kind / quote(name, safe="")

    def _read_ref(self, kind: str, name: str) -> str | None:
        if not _is_ref_name(name):
            return None  # a name that cannot exist must not become a path either
        try:
            return self._ref(kind, name).read_text()
        except FileNotFoundError:
            return None

    def _write_ref(self, kind: str, name: str, oid: str) -> None:
        write_file(self._ref(kind, name), oid.encode(), self._incoming)

    def _load(self, oid: str) -> Commit:
        return _load_commit(self._folder / "commits" / oid)


def lay_out(folder: Path, incoming: Path, first: Commit, *, private: bool) -> None:
    """Write the folders of a new repository with its first commit on main."""
    for name in ("blobs", "commits", "refs/heads", "refs/tags"):
        (folder / name).mkdir(parents=True)
    about = {"private": private, "created": first.date}
    write_file(folder / "repository.json", json.dumps(about).encode(), incoming)
    write_file(folder / "commits" / first.oid, first.to_json(), incoming)
    write_file(folder / "refs" / "heads" / "main", first.oid.encode(), incoming)


def _is_ref_name(name: str) -> bool:
    # The rules of git check-ref-format, and the length of a file's name.
    allowed = _REF_NAME.fullmatch(name) and not any(bad in name for bad in ("..", "//", "/.", "@{"))
    locked = any(part.endswith(".lock") for part in name.split("/"))
    return bool(allowed) and not locked and len(quote(name, safe="")) <= 255


@lru_cache(maxsize=64)
def _load_commit(path: Path) -> Commit:
    # Safe to cache: the name is the hash of what the file holds.
    return Commit.from_json(path.read_bytes())


def _change(files: dict[str, FileEntry], change: Change) -> None:
    match change:
        case Add(path, entry):
            files[path] = entry
        case Delete(path, folder=False):
            if files.pop(path, None) is None:
                raise entry_not_found(path)
        case Delete(path):
            below = [name for name in files if name.startswith(f"{path}/")]
            if not below:
                raise entry_not_found(path)
            for name in below:
                del files[name]


def _refuse_file_and_folder(files: dict[str, FileEntry]) -> None:
    for path in files:
        for folder in parents_of(path):
            if folder in files:
                raise HubError(400, f'"{folder}" is a file, so "{path}" cannot lie below it')
