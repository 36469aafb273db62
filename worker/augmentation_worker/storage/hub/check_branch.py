"""A branch on which a result is read back, for hubs that give nothing back that no commit names.

Publish reads videos back before it makes anything visible. Git LFS has a download for that, which names no commit; but
a hub may refuse it for objects that are in no commit yet, and then nothing would ever be published. There the files are
committed to a branch of their own, with the blobs that are uploaded already, and the branch is removed when the result
is on main. A branch that was left behind by a pod that was killed is used again by the next.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub.errors import EntryNotFoundError

from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.client import HubClient
from augmentation_worker.storage.hub.commit import Commit
from augmentation_worker.storage.port import OutputMoved, StoredFile

_log = logging.getLogger(__name__)


class CheckBranch:
    """A branch of one pod of a job, made when it is first needed. Methods may raise WorkerFailure."""

    def __init__(self, hub: HubClient, dataset: str, job_uid: str, reader: str | None = None) -> None:
        self.name = "-".join(["check", job_uid, *([reader] if reader else [])])
        self._hub = hub
        self._dataset = dataset
        self._expected: dict[str, StoredFile] = {}
        self._committed: dict[str, StoredFile] = {}
        self._lost: set[StoredFile] = set()
        self._head: str | None = None

    @property
    def is_made(self) -> bool:
        """Whether it is there."""
        return self._head is not None

    def expect(self, files: Sequence[StoredFile]) -> None:
        """Name files that will be read back: if it comes to that, they share one commit."""
        self._expected.update((file.path, file) for file in files)

    def fetch(self, file: StoredFile, target: Path) -> None:
        """Copy a file to `target`, committing it first if it is not on the branch. Raises FileNotFoundError."""
        if self._committed.get(file.path) != file and file not in self._lost:
            self.expect([file])
            self._commit()
        if file in self._lost:
            raise FileNotFoundError(file.path)
        try:
            self._hub.download(self._dataset, self._head or "", file.path, file.size, target, "output")
        except EntryNotFoundError as error:
            raise FileNotFoundError(file.path) from error

    def remove(self) -> None:
        """Remove it, if it is there. That it cannot be removed is said, and no failure: the result is what counts."""
        if self._head is None:
            return
        try:
            self._hub.delete_branch(self._dataset, self.name)
        except WorkerFailure as failure:
            _log.warning("the branch %s is left behind: %s", self.name, failure)
            self._hub.on_notice(
                "checked", f"The branch {self.name} of {self._dataset} could not be removed: delete it on the hub"
            )
        else:
            self._hub.on_notice("checked", f"The branch {self.name} of {self._dataset} is removed")
        self._head = None
        self._committed.clear()

    def _commit(self) -> None:
        if self._head is None:
            self._hub.on_notice(
                "checking",
                f"The hub does not give back what no commit names: the result is checked on the branch {self.name} of "
                f"{self._dataset}, which is removed afterwards",
            )
            start = self._hub.head(self._dataset)
            self._hub.create_branch(self._dataset, self.name, start or "main")
        before = self._hub.head(self._dataset, self.name)
        files = [file for path, file in self._expected.items() if self._committed.get(path) != file]
        # One that is not stored would fail the commit of all.
        self._lost.update(self._hub.not_stored(self._dataset, files))
        files = [file for file in files if file not in self._lost]
        if not files:
            self._head = before
            return
        try:
            self._head = self._hub.commit(
                Commit(self._dataset, "Files to be checked", before, uploaded=files, branch=self.name)
            )
        except OutputMoved:
            self._head = self._hub.head(self._dataset, self.name)  # it is this pod's alone: the answer was lost
        self._committed.update((file.path, file) for file in files)
