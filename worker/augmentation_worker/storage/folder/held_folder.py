"""A folder held by descriptor: what is looked up in it is looked up in it, whatever becomes of the names on the way.

A path that is resolved by its name may be checked as one file and opened as another. Here every folder of a path is
opened by its name in the one before (openat) and never through a link (O_NOFOLLOW), so that who may write to a volume
can make an access fail, but cannot lead it elsewhere.
"""

import errno
import os
import stat
import weakref
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PosixPath
from typing import Self

from augmentation_worker.dataset_path import shown

_PASS = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", 0)
"""To go through a folder one need not be allowed to list it."""
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A FIFO without a writer must not keep its reader waiting.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


_Names = tuple[str, ...]


def running_user() -> str:
    """The user and group by which the file system knows this process, for a message."""
    return f"user {os.geteuid()} or group {os.getegid()}"


class EntryRefused(Exception):
    """An entry is refused: it is, or leads to, something else than a file or folder of its own.

    Attributes:
        path: of the entry.
        finding: what it is, as a clause.
    """

    def __init__(self, path: Path | str, finding: str) -> None:
        super().__init__(f"{shown(str(path))} {finding}")
        self.path = str(path)
        self.finding = finding


class HeldFolder:
    """An open folder. Every method may raise OSError, and EntryRefused where a link is in the way.

    Args:
        descriptor: of the folder; closed with this object.
        path: for messages.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self.descriptor = descriptor
        self.path = path

    @classmethod
    def at(cls, path: Path, *, create: bool = False) -> Self:
        """Open a folder by its absolute path, of which no part may be a link; with `create`, make what is missing."""
        with cls(os.open("/", _PASS), Path("/")) as root:
            return root.within(path.parts[1:], create=create)

    def within(self, names: Sequence[str], *, create: bool = False) -> Self:
        """Open the folder that is reached by these names, one in the other; by none, this one."""
        descriptor, path = os.open(".", _LIST if not names else _PASS, dir_fd=self.descriptor), self.path
        for place, name in enumerate(names):
            outer, path = descriptor, path / name
            try:
                descriptor = _folder_in(outer, name, path, _LIST if place == len(names) - 1 else _PASS, create=create)
            finally:
                os.close(outer)
        return type(self)(descriptor, path)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)

    def status(self, name: str) -> os.stat_result | None:
        """Status of an entry, of a link itself; None if there is none."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open_file(self, name: str) -> int:
        """Open a regular file for reading. Returns its descriptor."""
        path = self.path / name
        _check_is_file(os.stat(name, dir_fd=self.descriptor, follow_symlinks=False), path)
        try:
            descriptor = os.open(name, _READ, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise EntryRefused(path, "is a link") from error
            raise
        try:
            _check_is_file(os.fstat(descriptor), path)
        except EntryRefused:
            os.close(descriptor)
            raise
        return descriptor

    def create_file(self, name: str) -> int:
        """Create a file for writing, in place of whatever file or link has its name. Returns its descriptor."""
        if self.status(name) is not None:
            os.unlink(name, dir_fd=self.descriptor)
        return os.open(name, _NEW, 0o666, dir_fd=self.descriptor)

    def rename(self, name: str, new_name: str, into: "HeldFolder | None" = None) -> None:
        """Give an entry another name, here or in another folder. A link is renamed itself, and is replaced itself."""
        os.rename(name, new_name, src_dir_fd=self.descriptor, dst_dir_fd=(into or self).descriptor)

    def unlink(self, name: str) -> None:
        """Remove a file or a link."""
        os.unlink(name, dir_fd=self.descriptor)

    def remove_folder(self, name: str) -> bool:
        """Remove a folder unless something is in it. Returns whether it is gone."""
        try:
            os.rmdir(name, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
        return True

    def flush(self) -> None:
        """Make sure that new names outlive a loss of power."""
        os.fsync(self.descriptor)

    def __enter__(self) -> Self:
        """Hold it while the block runs."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the descriptor."""
        self.close()


class HeldFile(PosixPath):
    """The path of an open file of this process, for libraries that open by path: they get the file that was checked.

    The file is closed with the last reference to this object, so keep it while its text is in use.
    """

    @classmethod
    def of(cls, descriptor: int) -> Self:
        """Take over an open descriptor."""
        held = cls(f"/proc/self/fd/{descriptor}")
        weakref.finalize(held, os.close, descriptor).atexit = False
        return held


def prune(folder: HeldFolder, keep: Collection[str]) -> None:
    """Remove all files but those to keep (their paths), all links, and then all empty folders, and follow no link."""
    folders = list(_folders_in(folder))
    for names in folders:
        with folder.within(names) as held:
            for name, is_regular in _entries(held):
                if not is_regular or "/".join((*names, name)) not in keep:
                    held.unlink(name)
    for names in reversed(folders[1:]):
        with folder.within(names[:-1]) as held:
            held.remove_folder(names[-1])


def remove_if_empty(parent: HeldFolder, name: str) -> bool:
    """Remove a folder that holds nothing but empty folders. Returns whether it is gone (or was not there)."""
    if parent.status(name) is None:
        return True
    with parent.within([name]) as folder:
        folders = list(_folders_in(folder))
        for names in reversed(folders[1:]):
            with folder.within(names[:-1]) as held:
                held.remove_folder(names[-1])
    return parent.remove_folder(name)


def _folders_in(folder: HeldFolder) -> Iterator[_Names]:
    """The folder itself, by no names, and all folders in it, outer ones first."""
    pending: list[_Names] = [()]
    while pending:
        names = pending.pop()
        yield names
        with folder.within(names) as held, os.scandir(held.descriptor) as entries:
            pending += [(*names, entry.name) for entry in entries if entry.is_dir(follow_symlinks=False)]


def _entries(held: HeldFolder) -> list[tuple[str, bool]]:
    """The entries of a folder that are no folders, and whether each is a regular file."""
    with os.scandir(held.descriptor) as entries:
        return [
            (entry.name, entry.is_file(follow_symlinks=False))
            for entry in entries
            if not entry.is_dir(follow_symlinks=False)
        ]


def kind_of(mode: int) -> str:
    """What an entry is, for messages."""
    return _KINDS.get(stat.S_IFMT(mode), "a file")


def _folder_in(outer: int, name: str, path: Path, flags: int, *, create: bool) -> int:
    if name in ("", ".", "..") or "/" in name:
        raise EntryRefused(path, "does not lead down")
    try:
        return os.open(name, flags, dir_fd=outer)
    except FileNotFoundError:
        if not create:
            raise
    except OSError as error:
        # Systems differ in the error for a link in place of a folder.
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        mode = os.stat(name, dir_fd=outer, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            target = os.readlink(name, dir_fd=outer)
            raise EntryRefused(path, f"is a link to {shown(target)}, not a folder itself") from error
        raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=outer)
    return _folder_in(outer, name, path, flags, create=False)


def _check_is_file(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise EntryRefused(path, f"is {kind_of(status.st_mode)}, not a regular file")
