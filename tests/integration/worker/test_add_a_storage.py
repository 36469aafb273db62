"""docs/architecture.md, "How to add a storage": a backend and its line in the registry; a whole job runs with it."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from augmentation_api.status import SourceStatus
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.storage import registry
from augmentation_worker.storage.port import (
    OutputDataset,
    OutputMoved,
    SourceDataset,
    StorageBackend,
    StorageContext,
    StoredFile,
)
from augmentation_worker.storage.provenance import PROVENANCE_PATH, job_of
from tests.integration.worker.conftest import FIXTURES
from tests.integration.worker.datasets import check_result
from tests.integration.worker.jobs import local_run, spec_of

Files = dict[DatasetPath, bytes]
DATASETS: dict[str, Files] = {}
BLOBS: dict[str, bytes] = {}
OWNER = "memory"


def revision_of(files: Files) -> str:
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:40]


class MemorySource(SourceDataset):
    def __init__(self, name: str, scratch: Path) -> None:
        self.name, self._files, self._scratch = name, DATASETS[name], scratch / "source"
        self.revision = revision_of(self._files)

    @property
    def paths(self) -> Collection[DatasetPath]:
        return self._files.keys()

    @property
    def origin(self) -> Mapping[str, str]:
        return {"memory": self.name, "revision": self.revision}

    def size(self, path: DatasetPath) -> int:
        return len(self._files[path])

    def open(self, path: DatasetPath) -> Path:
        local = self._scratch / path
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_bytes(self._files[path])
        return local

    def open_partly(self, path: DatasetPath) -> BinaryIO:
        return BytesIO(self._files[path])

    def drop(self, path: DatasetPath) -> None:
        (self._scratch / path).unlink(missing_ok=True)


class MemoryOutput(OutputDataset):
    def __init__(self, name: str, job_uid: str) -> None:
        self.name, self._job_uid = name, job_uid

    def prepare(self, source: SourceDataset) -> None:
        DATASETS.setdefault(self.name, {})

    def check(self, source: SourceDataset) -> str:
        return revision_of(DATASETS[self.name])

    def published(self) -> str | None:
        content = self.read(PROVENANCE_PATH)
        is_result = job_of(content) == self._job_uid
        return revision_of(DATASETS[self.name]) if is_result else None

    def read(self, path: DatasetPath) -> bytes | None:
        return DATASETS[self.name].get(path)

    def put(self, path: DatasetPath, content: Path) -> StoredFile:
        data = content.read_bytes()
        stored = StoredFile(path, hashlib.sha256(data).hexdigest(), len(data))
        BLOBS[stored.sha256] = data
        return stored

    def missing(self, files: Sequence[StoredFile]) -> list[StoredFile]:
        return [file for file in files if file.sha256 not in BLOBS]

    def fetch(self, file: StoredFile, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(BLOBS[file.sha256])

    def commit(
        self,
        message: str,
        *,
        checked: str,
        stored: Sequence[StoredFile],
        written: Mapping[DatasetPath, bytes],
        deleted: Sequence[DatasetPath] = (),
    ) -> str:
        if revision_of(DATASETS[self.name]) != checked:
            raise OutputMoved(self.name)
        DATASETS[self.name] = {file.path: BLOBS[file.sha256] for file in stored} | dict(written)
        return revision_of(DATASETS[self.name])


class MemoryBackend(StorageBackend):
    """Every dataset of one owner is in this process. The spec's own field would be a matter of the API."""

    def __init__(self, context: StorageContext) -> None:
        self._context = context
        self._source, self._output = context.job.spec.source.hub, context.job.spec.output.hub

    def has_source(self) -> bool:
        return self._source is not None and self._source.repo_id.startswith(f"{OWNER}/")

    def has_output(self) -> bool:
        return self._output is not None and (self._output.repo_id or "").startswith(f"{OWNER}/")

    def find_source(self) -> MemorySource:
        assert self._source is not None
        return MemorySource(self._source.repo_id, self._context.scratch)

    def open_source(self, pinned: SourceStatus) -> MemorySource:
        return self.find_source()

    def new_output(self, source: SourceDataset) -> MemoryOutput:
        assert self._output is not None
        return self.open_output(self._output.repo_id or "")

    def open_output(self, dataset: str) -> MemoryOutput:
        return MemoryOutput(dataset, self._context.job.metadata.uid)


def test_whole_job_runs_with_registered_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "BACKENDS", (MemoryBackend, *registry.BACKENDS))
    source = FIXTURES / "pusht_v30"
    files = [path for path in source.rglob("*") if path.is_file()]
    DATASETS["memory/pusht"] = {DatasetPath(str(path.relative_to(source))): path.read_bytes() for path in files}
    spec = spec_of("memory/pusht") | {"output": {"hub": {"repoID": "memory/result"}}}
    # No client of a hub is made: there is no hub, and what stands in place of its token would be refused.
    run = local_run(tmp_path / "job", "http://127.0.0.1:9", "two\nlines", spec)

    run.run_all(2)

    output = run.job.status.output
    assert output is not None
    assert (output.dataset_id, output.revision) == ("memory/result", revision_of(DATASETS["memory/result"]))
    result = tmp_path / "result"
    for path, content in DATASETS["memory/result"].items():
        (result / path).parent.mkdir(parents=True, exist_ok=True)
        (result / path).write_bytes(content)
    check_result(result, source, 2)
