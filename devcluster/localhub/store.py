"""All datasets of a hub, under one data folder that one process holds at a time."""

import fcntl
import re
import secrets
import shutil
import threading
import uuid
from pathlib import Path

from devcluster.localhub.attributes import DEFAULT_GITATTRIBUTES, GITATTRIBUTES_WITHOUT_MEDIA
from devcluster.localhub.durable import flush_folder, write_file
from devcluster.localhub.errors import HubError, repo_not_found
from devcluster.localhub.mode import PLAIN, Mode
from devcluster.localhub.repository import Repository, lay_out
from devcluster.localhub.snapshot import new_commit, regular_file

_NAME = re.compile(r"(?![-.])[A-Za-z0-9._-]{1,96}(?<![-.])")


class Store:
    """Repositories by id. Opening it removes what an earlier process left unfinished.

    Raises:
        RuntimeError: another process serves the same folder.
    """

    def __init__(self, data: Path, mode: Mode = PLAIN) -> None:
        self._mode = mode
        self.incoming = data / "incoming"
        self._repositories = data / "repositories"
        self._opened: dict[str, Repository] = {}
        self._opening = threading.Lock()
        self._deleted: dict[str, frozenset[str]] = {}
        self._renamed: dict[str, str] = {}
        self._repositories.mkdir(parents=True, exist_ok=True)
        self._held = (data / "lock").open("w")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._held.close()
            raise RuntimeError(f"{data} is in use by another hub") from None
        shutil.rmtree(self.incoming, ignore_errors=True)
        self.incoming.mkdir()
        self.secret = self._secret(data / "secret")

    def close(self) -> None:
        """Let another process have the folder."""
        self._held.close()

    def create(self, repo_id: str, *, private: bool, author: str) -> Repository:
        """Make a dataset whose first commit holds the usual `.gitattributes`; 409 where it exists."""
        namespace, _, name = repo_id.partition("/")
        valid = all(_NAME.fullmatch(part) and ".." not in part and "--" not in part for part in (namespace, name))
        if not valid or name.endswith(".git"):
            raise HubError(400, f"Invalid repository name: {repo_id}")
        with self._opening:
            folder = self._repositories / namespace / name
            if folder.exists():
                raise HubError(409, "You already created this dataset repo")
            tracked = DEFAULT_GITATTRIBUTES if self._mode.tracks_media else GITATTRIBUTES_WITHOUT_MEDIA
            attributes = tracked.encode()
            entry = regular_file(attributes)
            first = new_commit(None, {".gitattributes": entry}, title="initial commit", message="", author=author)
            draft = self.incoming / uuid.uuid4().hex
            lay_out(draft, self.incoming, first, private=private)
            write_file(draft / "blobs" / entry.sha256, attributes, self.incoming)
            folder.parent.mkdir(exist_ok=True)
            draft.rename(folder)
            flush_folder(folder.parent)
        return self.repository(repo_id)

    def delete(self, repo_id: str) -> None:
        """Remove a dataset: gone for everybody in one rename, then from the disk."""
        with self._opening:
            self._opened.pop(repo_id, None)
            blobs = (self._repositories / repo_id / "blobs").iterdir()
            self._deleted[repo_id] = self._deleted.get(repo_id, frozenset()) | {blob.name for blob in blobs}
            doomed = self.incoming / uuid.uuid4().hex
            (self._repositories / repo_id).rename(doomed)
            flush_folder((self._repositories / repo_id).parent)
        shutil.rmtree(doomed, ignore_errors=True)

    def repository(self, repo_id: str) -> Repository:
        """A dataset by id; raises RepoNotFound."""
        parts = repo_id.split("/")
        if len(parts) != 2 or not all(_NAME.fullmatch(part) for part in parts):
            raise repo_not_found(repo_id)
        with self._opening:
            if repo_id not in self._opened:
                folder = self._repositories / repo_id
                if not folder.is_dir():
                    raise repo_not_found(repo_id)
                self._opened[repo_id] = Repository(repo_id, folder, self.incoming)
            return self._opened[repo_id]

    def was_deleted(self, repo_id: str, sha256: str) -> bool:
        """Whether a dataset of this name had a blob and was deleted while this process served it."""
        return sha256 in self._deleted.get(repo_id, ())

    def rename(self, old: str, new: str) -> None:
        """Give a dataset another name; requests for the old one are sent on (`renamed`). 409 where it is taken."""
        with self._opening:
            if (self._repositories / new).exists():
                raise HubError(409, f"{new} already exists")
            self._opened.pop(old, None)
            (self._repositories / new).parent.mkdir(exist_ok=True)
            (self._repositories / old).rename(self._repositories / new)
            self._renamed[old] = new

    def renamed(self, repo_id: str) -> str | None:
        """The name that a dataset has now which had this one; None where there is one of this name."""
        return None if (self._repositories / repo_id).is_dir() else self._renamed.get(repo_id)

    def repositories(self) -> list[Repository]:
        """Every dataset, by id."""
        return [self.repository(f"{path.parent.name}/{path.name}") for path in sorted(self._repositories.glob("*/*"))]

    def _secret(self, path: Path) -> bytes:
        if not path.exists():
            write_file(path, secrets.token_bytes(32), self.incoming)
            path.chmod(0o600)
        return path.read_bytes()
