"""Where links of a dataset in a folder may lead, and where they do.

A link is resolved by its text, once, and the path that this gives is compared with the folders that are allowed.
Whoever opens that path follows no link any more (HeldFolder): what was put there since makes the access fail, and leads
nowhere.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from augmentation_worker.dataset_path import DatasetPath, shown
from augmentation_worker.storage.folder.held_folder import EntryRefused, HeldFolder, kind_of

_HIDDEN_THAT_COUNTS = ".gitattributes"
_OF_THE_FILE_SYSTEM = "lost+found"
"""What ext4 has at the top of a disk, for the system's administrator alone to read."""
_HIDDEN_CONTENT = (".git/annex/objects/", ".dvc/cache/")
"""Where git-annex and DVC keep the content of files, behind links."""
_MOST_LINKS = 40
"""One after the other, as Linux itself follows."""


def counts(name: str) -> bool:
    """Whether an entry at the top of a dataset's folder is part of the dataset."""
    return name == _HIDDEN_THAT_COUNTS or not (name.startswith(".") or name == _OF_THE_FILE_SYSTEM)


@dataclass(frozen=True)
class AllowedPlaces:
    """Where links may lead.

    Attributes:
        dataset: the dataset's own folder; None: links lead nowhere.
        more: other folders.
    """

    dataset: Path | None
    more: tuple[Path, ...] = ()

    def refusal(self, target: str) -> str | None:
        """Why a link may not lead to a path, as the end of a clause; None if it may."""
        if any(_is_within(target, place) for place in self.more):
            return None
        if self.dataset is None or not _is_within(target, self.dataset):
            return "which is outside of the dataset"
        inside = f"{target}/"[len(_prefix(self.dataset)) :]
        # A clone has its owner's password in .git/config: what is not listed cannot be reached by a link either.
        first, *others = inside.split("/")
        if inside.startswith(_HIDDEN_CONTENT) or (counts(first) and not any(part.startswith(".") for part in others)):
            return None
        return "which is hidden and no part of the dataset"

    def target(self, place: str, name: str, path: DatasetPath) -> str:
        """The path, none of its parts a link, that a link in a folder (`place`, likewise) leads to.

        Raises EntryRefused if it may not lead there.
        """
        target = _without_links(place, name)
        if target is None:
            raise EntryRefused(path, "is a link that leads through too many others")
        if (refusal := self.refusal(target)) is not None:
            raise EntryRefused(path, f"is a link to {shown_target(place, name)}, {refusal}")
        return target

    def folder(self, names: tuple[str, ...]) -> Path:
        """The path, none of its parts a link, of a folder of the dataset that is reached through links.

        Raises EntryRefused if one of them may not lead where it leads.
        """
        place = str(self.dataset or "/")
        for depth, name in enumerate(names, start=1):
            inner = f"{place}/{name}"
            place = (
                self.target(place, name, DatasetPath("/".join(names[:depth]))) if Path(inner).is_symlink() else inner
            )
        return Path(place)


class LinkTargets:
    """What links lead to, for a listing: most are in the same folder, which is held."""

    def __init__(self, allowed: AllowedPlaces) -> None:
        self._allowed = allowed
        self._place = ""
        self._held: HeldFolder | None = None

    def look(self, held: HeldFolder, name: str, path: DatasetPath) -> tuple[str, os.stat_result]:
        """The path that a link leads to, and its status. Raises EntryRefused if it is no link to a file or folder."""
        status = held.status(name)
        mode = 0 if status is None else status.st_mode
        if not stat.S_ISLNK(mode):
            raise EntryRefused(path, f"is {kind_of(mode)}, not a regular file")
        target = self._allowed.target(str(held.path), name, path)
        place, _, last = target.rpartition("/")
        try:
            found = self._folder(place).status(last)
        except FileNotFoundError:
            found = None
        except (EntryRefused, NotADirectoryError) as error:
            raise EntryRefused(path, f"is a link that leads to no file: {error}") from error
        if found is None:
            raise EntryRefused(path, f"is a link to {shown_target(str(held.path), name)}, where there is nothing")
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            shown_as, kind = shown_target(str(held.path), name), kind_of(found.st_mode)
            raise EntryRefused(path, f"is a link to {shown_as}, {kind} and no regular file")
        return target, found

    def _folder(self, place: str) -> HeldFolder:
        if self._held is None or self._place != place:
            self.__exit__()
            self._held, self._place = HeldFolder.at(Path(place)), place
        return self._held

    def __enter__(self) -> Self:
        """Hold the folder of the last target while the block runs."""
        return self

    def __exit__(self, *error: object) -> None:
        """Let it go."""
        if self._held is not None:
            self._held.close()
            self._held = None


def shown_target(place: str, name: str) -> str:
    """The text of a link in a folder, for messages."""
    try:
        return shown(os.readlink(f"{place}/{name}"))  # noqa: PTH115 (no path to go on with)
    except OSError:
        return "nothing"


def leads_back(target: str, followed: tuple[str, ...]) -> bool:
    """Whether a folder holds one of those whose links were followed to get to it: a walk through it would not end."""
    return any(_is_within(place, Path(target)) for place in followed)


def _prefix(folder: Path) -> str:
    return f"{folder}/".replace("//", "/")


def _is_within(path: str, folder: Path) -> bool:
    return f"{path}/".startswith(_prefix(folder))


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
