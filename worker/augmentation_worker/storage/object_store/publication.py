"""How a result becomes visible in a bucket: a claim, copies within the store, then the entrance, all safe to repeat.

The claim, `<path>/.augmentation-claim`, is created on condition that there is none: of two jobs that publish to one
folder, one writes. It names the files to come, so that one that was stopped is told from somebody else's files, and the
entrance with its hash: while there is a claim, the result is published if and only if the entrance has that content.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath, PathRefused
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.object_store.client import StoreClient
from augmentation_worker.storage.object_store.errors import field_of
from augmentation_worker.storage.object_store.source import markers_among
from augmentation_worker.storage.port import OutputMoved, StoredFile

_NO_FILES: Final = ".augmentation-"
"""How names begin, at the top, that are no files of a dataset."""
CLAIM_NAME: Final = f"{_NO_FILES}claim"
_MOST_CLAIM_BYTES: Final = 256 * 2**20
"""A million files with paths of 250 bytes."""
_WAIT_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Claim:
    """Who publishes to a folder, and what.

    Attributes:
        job_uid: which job.
        entrance: the file that is created last.
        entrance_sha256: hash of its content, hexadecimal.
        paths: all files that it has written or will write.
    """

    job_uid: str
    entrance: DatasetPath
    entrance_sha256: str
    paths: frozenset[DatasetPath]

    def encode(self) -> bytes:
        """As JSON."""
        entrance = {"path": self.entrance, "sha256": self.entrance_sha256}
        return json.dumps({"jobID": self.job_uid, "entrance": entrance, "paths": sorted(self.paths)}).encode()

    @classmethod
    def decode(cls, content: bytes) -> "Claim | None":
        """Read one; None if it is none."""
        try:
            read = json.loads(content)
            entrance = read["entrance"]
            paths = frozenset(map(DatasetPath, read["paths"]))
            return cls(str(read["jobID"]), DatasetPath(entrance["path"]), str(entrance["sha256"]), paths)
        except (ValueError, TypeError, LookupError, RecursionError, PathRefused):
            return None


class Publication:
    """Of one job's result, in the folder that its client is for. Every method may raise WorkerFailure."""

    def __init__(self, client: StoreClient, job_uid: str) -> None:
        self._client = client
        self._job_uid = job_uid
        path = client.access.path
        self._prefix = f"{path}/" if path else ""
        self.folder_name = self.folder_of(job_uid)

    @staticmethod
    def folder_of(job_uid: str) -> str:
        """Name of the folder of what a job stores on the way."""
        return f"{_NO_FILES}{job_uid[:8]}"

    def key(self, path: DatasetPath | str) -> str:
        """Key of a file of the result."""
        return f"{self._prefix}{path}"

    def staged(self, name: str) -> str:
        """Key of what is stored on the way, by its hash."""
        return self.key(f"{self.folder_name}/{name}")

    def stored(self) -> dict[str, int]:
        """Sizes of what is stored on the way, by hash."""
        return {entry.key.rsplit("/", 1)[-1]: entry.size for entry in self._client.list(self.key(self.folder_name))}

    def claim(self) -> Claim | None:
        """Who publishes there now; one that cannot be read is nobody's."""
        content = self._client.read(self.key(CLAIM_NAME), _MOST_CLAIM_BYTES)
        return None if content is None else Claim.decode(content) or Claim("unknown", DatasetPath("?"), "", frozenset())

    def is_open(self, claim: Claim) -> bool:
        """Whether the entrance of this claim is there."""
        content = self._client.read(self.key(claim.entrance), _MOST_CLAIM_BYTES)
        return content is not None and hashlib.sha256(content).hexdigest() == claim.entrance_sha256

    def publish(
        self, entrance: DatasetPath, stored: Sequence[StoredFile], written: Mapping[DatasetPath, bytes]
    ) -> None:
        """Put all files in their places, the entrance last.

        Args:
            entrance: one of them, a small one.
            stored: files that are stored by their hashes.
            written: small files, by path.

        Raises:
            OutputMoved: somebody else has written there; nothing of theirs was touched.
        """
        content = written[entrance] if entrance in written else self._content(entrance, stored)
        sizes = {file.path: file.size for file in stored} | {path: len(data) for path, data in written.items()}
        claimed = self._take(Claim(self._job_uid, entrance, hashlib.sha256(content).hexdigest(), frozenset(sizes)))
        self._client.for_each([file for file in stored if file.path != entrance], self._copy)
        others = [path for path in written if path != entrance]
        self._client.for_each(others, lambda path: self._client.put(self.key(path), written[path]))
        self._complete({path: size for path, size in sizes.items() if path != entrance}, claimed)
        if not self._client.create(self.key(entrance), content) and not self.is_open(claimed):
            raise OutputMoved(self._client.access.url)

    def clean(self) -> None:
        """Remove what was stored on the way, and the claim, the last."""
        self.remove_staged()
        if self._client.head(self.key(CLAIM_NAME)) is not None:
            self._client.delete([self.key(CLAIM_NAME)])

    def remove_staged(self) -> None:
        """Remove what was stored on the way."""
        self._client.delete([entry.key for entry in self._client.list(self.key(self.folder_name))])

    def _content(self, path: DatasetPath, stored: Sequence[StoredFile]) -> bytes:
        file = next(file for file in stored if file.path == path)
        content = self._client.read(self.staged(file.sha256), _MOST_CLAIM_BYTES)
        if content is None:
            raise _not_stored(file)
        return content

    def _take(self, wanted: Claim) -> Claim:
        """Claim the folder, or find the claim of this job again, which then has the files of both attempts."""
        key, url = self.key(CLAIM_NAME), self._client.access.url
        if self._client.create(key, wanted.encode()):
            if self._paths():
                self._client.delete([key])
                raise OutputMoved(url)
            return wanted
        found = self.claim()
        if found is None or found.job_uid != self._job_uid:
            other = "somebody else" if found is None else f"another job ({found.job_uid})"
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT,
                f"nothing is published to {url}: {other} is publishing there, or was stopped while it did; name "
                f"another folder in {field_of(self._client.access, 'output', 'path')}, or delete what is there first",
            )
        # Before the claim is found, it may be that only its answer was lost: then nothing else is there either.
        if self.is_open(found) or not self._paths() <= found.paths:
            raise OutputMoved(url)
        both = Claim(wanted.job_uid, wanted.entrance, wanted.entrance_sha256, wanted.paths | found.paths)
        if both != found:
            self._client.put(key, both.encode())
        return both

    def _copy(self, file: StoredFile) -> None:
        try:
            self._client.copy(self.staged(file.sha256), self.key(file.path), file.size)
        except FileNotFoundError as error:
            raise _not_stored(file) from error

    def _complete(self, wanted: Mapping[DatasetPath, int], claimed: Claim) -> None:
        """Remove what an attempt that was stopped left, and make sure that all the rest is there.

        A store may say that a copy is made while it is at work on it (Azure): it is waited for.
        """
        since = time.monotonic()
        while True:
            sizes = self._sizes()
            left = [path for path in sizes if path not in wanted]
            if not set(left) <= claimed.paths:
                raise OutputMoved(self._client.access.url)
            incomplete = [path for path, size in wanted.items() if sizes.get(path) != size]
            if not incomplete:
                break
            if time.monotonic() - since > self._client.retry_seconds:
                raise WorkerFailure(
                    FailureReason.INTEGRITY_CHECK_FAILED,
                    f"nothing was published, because {incomplete[0]} in {self._client.access.url} is not as it was "
                    "written: let nobody else write there, and retry the job (spec.attempt)",
                )
            time.sleep(_WAIT_SECONDS)
        self._client.delete([self.key(path) for path in left])

    def _paths(self) -> set[DatasetPath]:
        return set(self._sizes())

    def _sizes(self) -> dict[DatasetPath, int]:
        """Sizes of all files of the folder, whoever wrote them, but for claims and what is stored on the way."""
        listed = [
            entry
            for entry in self._client.list(self._client.access.path)
            # What is listed without the prefix stands for the folder itself: consoles make it with the folder.
            if entry.key.startswith(self._prefix) and not entry.key.startswith(self.key(_NO_FILES))
        ]
        markers = {marker.key for marker in markers_among(listed, self._client)}
        try:
            return {self._path(entry.key): entry.size for entry in listed if entry.key not in markers}
        except PathRefused:
            raise OutputMoved(self._client.access.url) from None  # none of ours

    def _path(self, key: str) -> DatasetPath:
        return DatasetPath(key.removeprefix(self._prefix))


def _not_stored(file: StoredFile) -> WorkerFailure:
    return WorkerFailure(
        FailureReason.INTEGRITY_CHECK_FAILED,
        f"nothing was published, because the recorded file {file.path} is not stored; retry the job (spec.attempt)",
    )
