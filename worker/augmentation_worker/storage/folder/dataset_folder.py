"""The files of a dataset that lies in a folder, listed and opened so that none of them can lie elsewhere.

A link in it may lead to a regular file of the same dataset, of the folder of blobs where the dataset is a snapshot in a
Hugging Face cache, or of one more folder that was allowed by name. Everything else is refused: a link to anywhere else
or to a folder, a FIFO, a device, a name that is no DatasetPath.
"""

import hashlib
import os
import re
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from augmentation_worker.dataset_path import DatasetPath, PathRefused, shown
from augmentation_worker.storage.folder.held_folder import EntryRefused, HeldFolder, kind_of
from augmentation_worker.storage.port import FormatConventions

_HIDDEN_THAT_COUNTS = ".gitattributes"
_OF_THE_FILE_SYSTEM = "lost+found"
"""What ext4 has at the top of a disk, for the system's administrator alone to read."""
_HIDDEN_CONTENT = (".git/annex/objects/", ".dvc/cache/")
"""Where git-annex and DVC keep the content of files, behind links."""
_COMMIT = re.compile("[0-9a-f]{40}")
_CACHED_DATASET = "datasets--"
_MOST_HASHED_BYTES = 16 * 2**30
"""No metadata that is read has a quarter of it; a file of holes can have a million times as much."""
_MOST_LINKS = 40
"""One after the other, as Linux itself follows."""
_SNAPSHOTS, _BLOBS = "snapshots", "blobs"
_MAIN = DatasetPath("refs/main")


@dataclass(frozen=True)
class Listing:
    """What is in a folder.

    Attributes:
        files: size of every file by its path, in the order of their parts.
        refused: what is there and cannot be part of a dataset, in the order of their paths.
    """

    files: Mapping[DatasetPath, int]
    refused: tuple[EntryRefused, ...]


class DatasetFolder:
    """A dataset in a folder.

    Args:
        folder: absolute; no part of its path may be a link.
        follow_links: one more folder that links may lead into; likewise.
        links: False: no link is followed at all.
    """

    def __init__(self, folder: Path, follow_links: Path | None = None, *, links: bool = True) -> None:
        self.folder = folder
        more = [root for root in (_blobs_of(folder), follow_links) if root is not None]
        self._allowed = _Allowed(_prefix(folder), tuple(map(_prefix, more))) if links else _Allowed(None, ())

    def list(self) -> Listing:
        """Everything in it. What begins with a dot, at the top, is not part of a dataset, nor is `lost+found`.

        Raises:
            OSError: FileNotFoundError or NotADirectoryError if there is no such folder.
            EntryRefused: a part of the folder's own path is a link.
        """
        files: dict[DatasetPath, int] = {}
        refused: list[EntryRefused] = []
        pending: list[tuple[str, ...]] = [()]
        with HeldFolder.at(self.folder) as root, _Targets(self._allowed) as targets:
            while pending:
                names = pending.pop()
                with root.within(names) as held, os.scandir(held.descriptor) as entries:
                    for entry in entries:
                        if not names and not _counts(entry.name):
                            continue
                        try:
                            path = _path_of(names, entry.name)
                            if entry.is_dir(follow_symlinks=False):
                                pending.append(path.parts)
                            elif entry.is_file(follow_symlinks=False):
                                files[path] = entry.stat(follow_symlinks=False).st_size
                            else:
                                files[path] = targets.size(held, entry.name, path)
                        except EntryRefused as error:
                            refused.append(error)
        return Listing(
            {path: files[path] for path in sorted(files, key=lambda path: path.parts)},
            tuple(sorted(refused, key=lambda error: error.path)),
        )

    def open(self, path: DatasetPath) -> int:
        """Open one of its files for reading; gives its descriptor.

        Raises:
            OSError: FileNotFoundError if there is none.
            EntryRefused: it is no file of the dataset (any more).
        """
        with HeldFolder.at(self.folder) as root, root.within(path.folder) as held:
            status = held.status(path.name)
            if status is None or not stat.S_ISLNK(status.st_mode):
                return held.open_file(path.name)
            place, name = _target(self._allowed, held, path.name, path)
        with HeldFolder.at(Path(place)) as held:
            return held.open_file(name)

    def cached_snapshots(self, files: Collection[DatasetPath]) -> tuple[str, ...]:
        """If this is a dataset's whole folder in a Hugging Face cache: its snapshots, that of main first."""
        if not self.folder.name.startswith(_CACHED_DATASET):
            return ()
        commits = sorted({path.parts[1] for path in files if path.startswith(f"{_SNAPSHOTS}/") and len(path.parts) > 2})
        main = self.read(_MAIN).decode(errors="replace").strip() if _MAIN in files else ""
        return tuple(f"{_SNAPSHOTS}/{commit}" for commit in sorted(commits, key=lambda commit: commit != main))

    def read(self, path: DatasetPath) -> bytes:
        """Content of one of its files. Raises as `open` does."""
        with os.fdopen(self.open(path), "rb") as file:
            return file.read()

    def fingerprint(self, listing: Listing, conventions: FormatConventions) -> str:
        """Identifies the state of a dataset that has no commits, by 40 hexadecimal digits.

        A hash of every file's path and size, and of the content of those that describe others. Hashing terabytes of
        video would take longer than augmenting them, and metadata changes with the files that it describes:
        statistics differ with any pixel. Of what is refused the names count.
        """
        state = hashlib.sha256()
        for path, size in listing.files.items():
            content = self._digest(path) if conventions.is_metadata(path) and size <= _MOST_HASHED_BYTES else ""
            state.update(f"{path}\0{size}\0{content}\n".encode())
        for entry in listing.refused:
            state.update(f"{shown(entry.path)}\0refused\n".encode())
        return state.hexdigest()[:40]

    def _digest(self, path: DatasetPath) -> str:
        with os.fdopen(self.open(path), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class _Allowed:
    """Where links may lead.

    Attributes:
        dataset: the folder itself, with a slash at its end; None: links lead nowhere.
        more: other folders, likewise.
    """

    dataset: str | None
    more: tuple[str, ...]

    def refusal(self, target: str) -> str | None:
        """Why a file may not be what a link leads to, as the end of a clause; None if it may."""
        if self.more and target.startswith(self.more):
            return None
        if self.dataset is None or not target.startswith(self.dataset):
            return "which is outside of the dataset"
        inside = target[len(self.dataset) :]
        # A clone has its owner's password in .git/config: what is not listed cannot be reached by a link either.
        if _counts(inside.partition("/")[0]) or inside.startswith(_HIDDEN_CONTENT):
            return None
        return "which is hidden and no part of the dataset"


class _Targets:
    """What links lead to, for a listing: most are in the same folder, which is held."""

    def __init__(self, allowed: _Allowed) -> None:
        self._allowed = allowed
        self._place = ""
        self._held: HeldFolder | None = None

    def size(self, held: HeldFolder, name: str, path: DatasetPath) -> int:
        """Size of the file that a link leads to. Raises EntryRefused if it is no link, or does not lead to a file."""
        status = held.status(name)
        mode = 0 if status is None else status.st_mode
        if not stat.S_ISLNK(mode):
            raise EntryRefused(path, f"is {kind_of(mode)}, not a regular file")
        place, last = _target(self._allowed, held, name, path)
        try:
            target = self._folder(place).status(last)
        except FileNotFoundError:
            target = None
        except (EntryRefused, NotADirectoryError) as error:
            raise EntryRefused(path, f"is a link that leads to no file: {error}") from error
        if target is None:
            raise EntryRefused(path, f"is a link to {_shown_target(held, name)}, where there is nothing")
        if not stat.S_ISREG(target.st_mode):
            raise EntryRefused(
                path, f"is a link to {_shown_target(held, name)}, {kind_of(target.st_mode)} and no regular file"
            )
        return target.st_size

    def _folder(self, place: str) -> HeldFolder:
        if self._held is None or self._place != place:
            self.__exit__()
            self._held, self._place = HeldFolder.at(Path(place)), place
        return self._held

    def __enter__(self) -> "_Targets":
        return self

    def __exit__(self, *error: object) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None


def _counts(name: str) -> bool:
    """Whether an entry at the top of a dataset's folder is part of the dataset."""
    return name == _HIDDEN_THAT_COUNTS or not (name.startswith(".") or name == _OF_THE_FILE_SYSTEM)


def _prefix(folder: Path) -> str:
    return f"{folder}/".replace("//", "/")


def _target(allowed: _Allowed, held: HeldFolder, name: str, path: DatasetPath) -> tuple[str, str]:
    """Folder and name of the file that a link leads to, neither of them a link. Raises EntryRefused if it is elsewhere.

    This looks the path up by its names. Whoever opens the answer does not follow any link: if one was put there since,
    that fails.
    """
    target = _without_links(str(held.path), name)
    if target is None:
        raise EntryRefused(path, "is a link that leads through too many others")
    if (refusal := allowed.refusal(target)) is not None:
        raise EntryRefused(path, f"is a link to {_shown_target(held, name)}, {refusal}")
    folder, _, last = target.rpartition("/")
    return folder, last


def _without_links(folder: str, name: str) -> str | None:
    """The path that a name in an absolute folder without links leads to when all links are followed; None: too many."""
    place, pending, followed = folder.rstrip("/"), [name], 0
    while pending:
        part = pending.pop()
        if part == "..":
            place = place.rpartition("/")[0]
            continue
        inner = f"{place}/{part}"
        try:
            target = os.readlink(inner)  # noqa: PTH115 (one for each of a hundred thousand links)
        except OSError:
            place = inner  # no link, or nothing at all
            continue
        followed += 1
        if followed > _MOST_LINKS:
            return None
        if target.startswith("/"):
            place = ""
        pending += [part for part in reversed(target.split("/")) if part not in ("", ".")]
    return place


def _shown_target(held: HeldFolder, name: str) -> str:
    try:
        return shown(os.readlink(name, dir_fd=held.descriptor))
    except OSError:
        return "nothing"


def _path_of(names: tuple[str, ...], name: str) -> DatasetPath:
    text = "/".join((*names, name))
    try:
        return DatasetPath(text)
    except PathRefused as error:
        raise EntryRefused(text, error.finding) from error


def _blobs_of(folder: Path) -> Path | None:
    """Where a Hugging Face cache keeps the files that a snapshot's links lead to; None for any other folder."""
    for place in (folder, *folder.parents):
        snapshots = place.parent
        if _COMMIT.fullmatch(place.name) and snapshots.name == _SNAPSHOTS:
            dataset = snapshots.parent
            return dataset / _BLOBS if dataset.name.startswith(_CACHED_DATASET) else None
    return None
