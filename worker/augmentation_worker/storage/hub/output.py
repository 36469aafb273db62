"""A result on a hub: blobs that no commit names yet, then one commit, then the version's tag."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_api.identifiers import backup_tag
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.git_attributes import ATTRIBUTES_PATH, with_large_file_rules
from augmentation_worker.storage.hub.audience import Audience, private_when_created, refusal
from augmentation_worker.storage.hub.client import MAIN, HubClient
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
    """

    hub: HubClient
    name: str
    job_uid: str
    page: str
    private: bool | None = None
    stores_by_content = True

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
        if head is not None and self.hub.files(self.name, head, "output"):
            return
        rules = with_large_file_rules("").encode()
        message = "Track videos and data as large files"
        try:
            self.hub.commit(self.name, message, parent=head, written={ATTRIBUTES_PATH: rules})
        except OutputMoved:
            return  # somebody else, most likely an earlier try of this pod, made the first commit

    @override
    def check(self, source: SourceDataset) -> str:
        # The state is the head: the parent of the commit to come.
        head = self._head()
        files = self.hub.files(self.name, head, "output")
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
                f"revision that was read, {source.revision} ({len(changed)} files, among them {min(changed)}): run the "
                "job again on the present main, or publish to another dataset",
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
        return self.hub.read(self.name, self._head(), path, "output")

    @override
    def put(self, path: DatasetPath, content: Path) -> StoredFile:
        return self.hub.upload(self.name, path, content)

    @override
    def missing(self, files: Sequence[StoredFile]) -> list[StoredFile]:
        return self.hub.not_stored(self.name, files)

    @override
    def fetch(self, file: StoredFile, target: Path) -> None:
        self.hub.fetch_uploaded(self.name, file, target)

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
        return self.hub.commit(self.name, message, parent=checked, uploaded=stored, written=written, deleted=deleted)

    @override
    def announce(self, revision: str, version: str) -> None:
        # What LeRobot looks for: until the version's tag is there, it does not find the dataset.
        self.hub.move_tag(self.name, version, revision)

    def _readers_of(self, source: SourceDataset) -> Audience:
        return self.hub.audience(source.name, "source") if isinstance(source, HubSource) else Audience.PRIVATE

    def _head(self) -> str:
        return self.hub.commit_of(self.name, MAIN, "output")

    def _is_result(self, commit: str) -> bool:
        return job_of(self.hub.read(self.name, commit, PROVENANCE_PATH, "output")) == self.job_uid
