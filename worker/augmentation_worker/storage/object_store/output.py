"""A result in an object store: content-addressed objects that nobody looks at, then its files, the entrance last.

Nothing can be renamed in a bucket, and a reader may come at any time. So a file is first stored as
`<path>/.augmentation-<job>/<sha256>`. To publish, the store copies these to their paths, which a reader does not look
for: what it asks for first, the entrance (LeRobot: meta/info.json), is created last, on condition that there is none.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_api.worker_contract import StoreAccess
from augmentation_worker.dataset_path import DatasetPath, shown
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.object_store.client import ObjectChanged, StoreClient, StoredObject
from augmentation_worker.storage.object_store.errors import field_of
from augmentation_worker.storage.object_store.publication import Publication
from augmentation_worker.storage.object_store.source import ObjectStoreSource, files_below, fingerprint
from augmentation_worker.storage.port import (
    NO_CONVENTIONS,
    FormatConventions,
    OnNotice,
    OutputDataset,
    OutputMoved,
    SourceDataset,
    StoredFile,
)
from augmentation_worker.storage.provenance import PROVENANCE_PATH, job_of

NOTHING: Final = ""
"""State of an output without files, or with such as this job left."""
_MOST_READ_BYTES: Final = 512 * 2**20
_FEW_FILES: Final = 64
"""Up to which files are asked for one by one, rather than listed."""


class ObjectStoreOutput(OutputDataset):
    """A dataset to be published in a folder of a bucket. Who may read a bucket is not the job's to know or decide.

    Args:
        client: of the bucket.
        job_uid: whose result it is.
        conventions: of the formats, for the entrance.
        on_notice: called with what cannot be promised here.
    """

    stores_by_content = True

    def __init__(
        self,
        client: StoreClient,
        job_uid: str,
        conventions: FormatConventions = NO_CONVENTIONS,
        on_notice: OnNotice = lambda _status, _sentence: None,
    ) -> None:
        self.name = client.access.url
        self._client = client
        self._job_uid = job_uid
        self._conventions = conventions
        self._on_notice = on_notice
        self._publication = Publication(client, job_uid)

    @override
    def prepare(self, source: SourceDataset) -> None:
        self._refuse_overlap(source)
        probe, copied = (self._publication.staged(name) for name in ("probe", "probe-copy"))
        self._client.put(probe, b"probe")
        try:
            self._client.copy(probe, copied)
        except FileNotFoundError as error:
            raise WorkerFailure(
                FailureReason.OUTPUT_ACCESS_DENIED,
                f"{self.name} does not find what was written there a moment ago, so nothing can be published: name a "
                f"store with consistent reads in {self._field}",
            ) from error
        if self._client.create(probe, b"probe") or "conditions" in self._client.lacks:
            self._on_notice(
                "warning",
                f"{self.name}: the store does not obey conditional writes (If-None-Match), so if somebody else "
                "publishes to the same folder at the same moment, both results are mixed: let nobody",
            )
        try:
            self._client.delete([probe, copied])
        except WorkerFailure as failure:
            self._on_notice("warning", f"{self.name}: what is stored on the way is not removed: {failure.message}")

    @override
    def check(self, source: SourceDataset) -> str:
        files, claim = self._files(), self._publication.claim()
        if claim is not None and claim.job_uid != self._job_uid:
            raise self._conflict(f"another job ({claim.job_uid}) is publishing there, or was stopped while it did")
        foreign = files.keys() - (claim.paths if claim is not None else frozenset())
        if not foreign:
            return NOTHING
        if job_of(self.read(PROVENANCE_PATH)) == self._job_uid:
            return fingerprint(files)
        raise self._conflict(f"it holds something else (among it {shown(min(foreign))})")

    @override
    def check_audience(self, source: SourceDataset) -> str | None:
        if isinstance(source, ObjectStoreSource) and _bucket(source.access) == _bucket(self._client.access):
            return None
        return (
            f"Who can read {self.name} is decided by its bucket's policies, which this job neither knows nor changes: "
            f"its readers can read the result of {source.name}"
        )

    @override
    def published(self) -> str | None:
        claim = self._publication.claim()
        if claim is None:
            is_result = job_of(self.read(PROVENANCE_PATH)) == self._job_uid
        else:
            is_result = claim.job_uid == self._job_uid and self._publication.is_open(claim)
        if not is_result:
            return None
        self._clean()
        return fingerprint(self._files())

    @override
    def read(self, path: DatasetPath) -> bytes | None:
        return self._client.read(self._publication.key(path), _MOST_READ_BYTES)

    @override
    def put(self, path: DatasetPath, content: Path) -> StoredFile:
        with content.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        stored = StoredFile(path, digest, content.stat().st_size)
        self._client.put_file(self._publication.staged(stored.sha256), content)
        return stored

    @override
    def missing(self, files: Sequence[StoredFile]) -> list[StoredFile]:
        wanted = {file.sha256 for file in files}
        sizes: dict[str, int] = {}
        if len(wanted) <= _FEW_FILES:

            def ask(sha256: str) -> None:
                found = self._client.head(self._publication.staged(sha256))
                if found is not None:
                    sizes[sha256] = found.size

            self._client.for_each(wanted, ask)
        else:
            sizes = self._publication.stored()
        return [file for file in files if sizes.get(file.sha256) != file.size]

    @override
    def fetch(self, file: StoredFile, target: Path) -> None:
        found = self._client.head(self._publication.staged(file.sha256))
        if found is None or found.size != file.size:
            raise FileNotFoundError(file.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("wb") as out:
                self._client.download(found, out)
        except ObjectChanged as error:
            raise FileNotFoundError(file.path) from error

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
        if checked != NOTHING:
            raise OutputMoved(self.name)  # it is published already
        paths = {file.path for file in stored} | written.keys()
        entrance = next((path for path in self._conventions.entrances if path in paths), PROVENANCE_PATH)
        self._publication.publish(entrance, stored, written)
        self._clean()
        return fingerprint(self._files())

    def _clean(self) -> None:
        """Remove what was stored on the way. What cannot be removed costs space, and harms nobody."""
        try:
            self._publication.clean()
        except WorkerFailure as failure:
            self._on_notice(
                "warning",
                f"The result is complete; what was stored on the way in {self.name}/{self._publication.folder_name} is "
                f"not removed: {failure.message}",
            )

    def _files(self) -> dict[DatasetPath, StoredObject]:
        return files_below(self._client, self._client.access.path)

    @property
    def _field(self) -> str:
        return field_of(self._client.access, "output")

    @property
    def _folder_field(self) -> str:
        return field_of(self._client.access, "output", "path")

    def _conflict(self, finding: str) -> WorkerFailure:
        return WorkerFailure(
            FailureReason.OUTPUT_CONFLICT,
            f"nothing is published to {self.name}: {finding}; name another folder in {self._folder_field}, or delete "
            "what is there first",
        )

    def _refuse_overlap(self, source: SourceDataset) -> None:
        if not isinstance(source, ObjectStoreSource) or _bucket(source.access) != _bucket(self._client.access):
            return
        one, other = (f"{access.path}/" if access.path else "" for access in (source.access, self._client.access))
        if one.startswith(other) or other.startswith(one):
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT,
                f"{self._field} ({self.name}) is the source's own folder, or one lies in the other ({source.name}): a "
                f"store cannot replace a folder at once, so name another one in {self._folder_field}",
            )


def _bucket(access: StoreAccess) -> tuple[object, ...]:
    return access.kind, access.account, access.bucket, access.endpoint
