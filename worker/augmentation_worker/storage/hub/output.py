"""A result on a hub: blobs that no commit names yet, then one commit, then the version's tag."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_api.counted import counted
from augmentation_api.identifiers import backup_tag
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.git_attributes import ATTRIBUTES_PATH, with_large_file_rules
from augmentation_worker.storage.hub.audience import Audience, private_when_created, refusal
from augmentation_worker.storage.hub.check_branch import CheckBranch
from augmentation_worker.storage.hub.client import HubClient, RemoteFile
from augmentation_worker.storage.hub.commit import MAIN, Commit
from augmentation_worker.storage.hub.source import HubSource
from augmentation_worker.storage.port import OutputDataset, OutputMoved, SourceDataset, StoredFile
from augmentation_worker.storage.provenance import PROVENANCE_PATH, job_of

FILES_OF_AN_EMPTY_DATASET = frozenset({ATTRIBUTES_PATH, DatasetPath("README.md")})
"""What hubs put into a new dataset by themselves."""


@dataclass(frozen=True)
class HubOutput(OutputDataset):
    """A dataset to be published on a hub.

    Attributes:
        hub: where.
        name: `owner/name`.
        job_uid: whose result it is.
        page: its page, at the address people use.
        private: spec.output.hub.private; None: as private as the source.
        reader: a name for who reads files back before they are committed, other than publish.
    """

    hub: HubClient
    name: str
    job_uid: str
    page: str
    private: bool | None = None
    reader: str | None = None
    stores_by_content = True
    _listings: dict[str, Mapping[DatasetPath, RemoteFile]] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def _check_branch(self) -> CheckBranch:
        return CheckBranch(self.hub, self.name, self.job_uid, self.reader)

    @override
    def extends(self, source: SourceDataset) -> bool:
        return isinstance(source, HubSource) and source.name == self.name and source.path is None

    @override
    def prepare(self, source: SourceDataset) -> None:
        """Make sure that the dataset exists, can be written to, and has a first commit.

        One that has to be created has no more readers than the source from the start, unless the job allows more.
        The first commit holds .gitattributes by which videos and parquet files are large files, if the hub made none.
        """
        self.hub.create(self.name, private=private_when_created(self.private, self._readers_of(source)))
        self.hub.check_writable(self.name)
        head = self.hub.head(self.name)
        if head is not None and self._files(head):
            return
        rules = with_large_file_rules("").encode()
        message = "Track videos and data as large files"
        try:
            self.hub.commit(Commit(self.name, message, head, written={ATTRIBUTES_PATH: rules}))
        except OutputMoved:
            return  # somebody else, most likely an earlier try of this pod, made the first commit

    @override
    def check(self, source: SourceDataset) -> str:
        # The state is the head: the parent of the commit to come.
        head = self._head()
        files = self._files(head)
        if set(files) <= FILES_OF_AN_EMPTY_DATASET or self._is_result(head):
            return head
        if isinstance(source, HubSource) and source.name == self.name and source.path is not None:
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT,
                f"the dataset {self.name} (spec.output.hub.repoID) is the source itself, of which only the folder "
                f"{source.path} is read (spec.source.hub.path): the result would stand beside its other folders. Name "
                "another dataset, or leave spec.output.hub.repoID out",
            )
        if not isinstance(source, HubSource) or not self.extends(source):
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT,
                f"the dataset {self.name} (spec.output.hub.repoID) exists and holds something else ({len(files)} "
                f"files, among them {min(set(files) - FILES_OF_AN_EMPTY_DATASET)}): name another one, or delete it "
                "first",
            )
        changed = {path for path, file in source.files.items() if path not in files or files[path].blob != file.blob}
        changed |= set(files) - set(source.files)
        if changed:
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT,
                f"the dataset {self.name} (spec.output.hub.repoID) is the source itself, but main differs from the "
                f"revision that was read, {source.revision} ({counted(len(changed), 'file')}, among them "
                f"{min(changed)}): run the job again on the present main, or publish to another dataset",
            )
        return head

    @override
    def check_audience(self, source: SourceDataset) -> str | None:
        if self.extends(source) and self.private is None:
            return None
        readers, output = self._readers_of(source), self.hub.audience(self.name, "output")
        problem = refusal(self.private, readers, output)
        if problem is not None:
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT, f"nothing is published to the dataset {self.name}: {problem}"
            )
        if output <= readers:
            return None
        return (
            f"The source {source.name} is {readers.description}; its result {self.name} is {output.description}, "
            "because spec.output.hub.private is false"
        )

    @override
    def published(self) -> str | None:
        head = self._head()
        return head if self._is_result(head) else None

    @override
    def read(self, path: DatasetPath) -> bytes | None:
        return self._read(self._head(), path)

    @override
    def put(self, path: DatasetPath, content: Path) -> StoredFile:
        return self.hub.upload(self.name, path, content)

    @override
    def missing(self, files: Sequence[StoredFile]) -> list[StoredFile]:
        return self.hub.not_stored(self.name, files)

    @override
    def expect_fetch(self, files: Sequence[StoredFile]) -> None:
        self._check_branch.expect(files)

    @override
    def fetch(self, file: StoredFile, target: Path) -> None:
        if not self._check_branch.is_made:
            try:
                return self.hub.fetch_uploaded(self.name, file, target)
            except FileNotFoundError:
                if self.hub.not_stored(self.name, [file]):
                    raise
        self._check_branch.fetch(file, target)

    @override
    def end_check(self) -> None:
        self._check_branch.remove()

    @override
    def keep_previous(self, checked: str) -> None:
        self.hub.move_tag(self.name, backup_tag(self.job_uid), checked)

    @override
    def commit(
        self,
        message: str,
        *,
        checked: str,
        stored: Sequence[StoredFile],
        written: Mapping[DatasetPath, bytes],
        deleted: Sequence[DatasetPath] = (),
    ) -> str:
        return self.hub.commit(Commit(self.name, message, checked, stored, written, deleted))

    @override
    def announce(self, revision: str, version: str) -> None:
        # What LeRobot looks for: until the version's tag is there, it does not find the dataset.
        self.hub.move_tag(self.name, version, revision)

    def _readers_of(self, source: SourceDataset) -> Audience:
        return self.hub.audience(source.name, "source") if isinstance(source, HubSource) else Audience.PRIVATE

    def _head(self) -> str:
        return self.hub.commit_of(self.name, MAIN, "output")

    def _files(self, commit: str) -> Mapping[DatasetPath, RemoteFile]:
        """What it holds at a commit, which is listed once."""
        if commit not in self._listings:
            self._listings[commit] = self.hub.files(self.name, commit, "output")
        return self._listings[commit]

    def _read(self, commit: str, path: DatasetPath) -> bytes | None:
        file = self._files(commit).get(path)
        return self.hub.read(self.name, commit, file, "output") if file is not None else None

    def _is_result(self, commit: str) -> bool:
        return job_of(self._read(commit, PROVENANCE_PATH)) == self.job_uid
