"""The files of a dataset that lies in a folder, listed and opened so that none of them can lie elsewhere.

A link in it may lead to a regular file or a folder of the same dataset, of the folder of blobs where the dataset is a
snapshot in a Hugging Face cache, or of one more folder that was allowed by name. Everything else is refused: a link to
anywhere else or back to where it lies, a FIFO, a device, a name that is no DatasetPath.
"""

import hashlib
import os
import re
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from augmentation_worker.dataset_path import DatasetPath, PathRefused, shown
from augmentation_worker.storage.folder.held_folder import EntryRefused, HeldFolder
from augmentation_worker.storage.folder.links import AllowedPlaces, LinkTargets, counts, leads_back, shown_target
from augmentation_worker.storage.port import FormatConventions

_COMMIT = re.compile("[0-9a-f]{40}")
_CACHED_DATASET = "datasets--"
_MOST_HASHED_BYTES = 16 * 2**30
"""No metadata that is read has a quarter of it; a file of holes can have a million times as much."""
_MOST_LINKED_ENTRIES = 1_000_000
"""In folders that are reached through links: ten times the files that Hugging Face recommends for a repository. Each
link to a folder of links to folders multiplies them, so that forty small ones are without end."""
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
        more = tuple(root for root in (_blobs_of(folder), follow_links) if root is not None)
        self._allowed = AllowedPlaces(folder, more) if links else AllowedPlaces(None)

    def list(self) -> Listing:
        """Everything in it. What begins with a dot, at the top, is not part of a dataset, nor is `lost+found`.

        Raises:
            OSError: FileNotFoundError or NotADirectoryError if there is no such folder.
            EntryRefused: a part of the folder's own path is a link, or there is no end to what links lead to.
        """
        files: dict[DatasetPath, int] = {}
        refused: list[EntryRefused] = []
        pending = [_Walked((), str(self.folder), ())]
        linked = 0
        with HeldFolder.at(self.folder) as root, LinkTargets(self._allowed) as targets:
            while pending:
                folder = pending.pop()
                with folder.open(root) as held, os.scandir(held.descriptor) as entries:
                    for entry in entries:
                        if folder.is_top and not counts(entry.name):
                            continue
                        linked += bool(folder.followed)
                        if linked > _MOST_LINKED_ENTRIES:
                            raise EntryRefused(
                                "/".join(folder.names), f"leads through links to more than {_MOST_LINKED_ENTRIES} files"
                            )
                        try:
                            path = _path_of(folder.names, entry.name)
                            if entry.is_dir(follow_symlinks=False):
                                pending.append(folder.inner(path))
                            elif entry.is_file(follow_symlinks=False):
                                files[path] = entry.stat(follow_symlinks=False).st_size
                            else:
                                target, status = targets.look(held, entry.name, path)
                                if stat.S_ISDIR(status.st_mode):
                                    pending.append(folder.behind(path, target))
                                else:
                                    files[path] = status.st_size
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
        with self._folder(path.folder) as held:
            status = held.status(path.name)
            if status is None or not stat.S_ISLNK(status.st_mode):
                return held.open_file(path.name)
            place, _, name = self._allowed.target(str(held.path), path.name, path).rpartition("/")
        with HeldFolder.at(Path(place)) as held:
            return held.open_file(name)

    def _folder(self, names: tuple[str, ...]) -> HeldFolder:
        with HeldFolder.at(self.folder) as root:
            try:
                return root.within(names)
            except EntryRefused:  # one of them is a link
                return HeldFolder.at(self._allowed.folder(names))

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
class _Walked:
    """A folder of the dataset, on the way through it.

    Attributes:
        names: of its path in the dataset.
        place: its own absolute path, none of its parts a link.
        followed: places of the folders whose links were followed to get here.
        is_linked: whether the last of those links leads to this very folder.
    """

    names: tuple[str, ...]
    place: str
    followed: tuple[str, ...]
    is_linked: bool = False

    @property
    def is_top(self) -> bool:
        """Whether what is hidden in it is no part of the dataset."""
        return not self.names or self.is_linked

    def open(self, root: HeldFolder) -> HeldFolder:
        return HeldFolder.at(Path(self.place)) if self.followed else root.within(self.names)

    def inner(self, path: DatasetPath) -> "_Walked":
        return _Walked(path.parts, f"{self.place}/{path.name}", self.followed)

    def behind(self, path: DatasetPath, target: str) -> "_Walked":
        """The folder that a link in this one leads to. Raises EntryRefused if the way leads back here from there."""
        followed = (*self.followed, self.place)
        if leads_back(target, followed):
            raise EntryRefused(
                path, f"is a link to {shown_target(self.place, path.name)}, a folder that leads back to it"
            )
        return _Walked(path.parts, target, followed, is_linked=True)


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
