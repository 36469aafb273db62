"""A format is one package and one line of the registry: this one is defined here, and taken through all phases.

Its datasets are takes, files of bytes (takes/0.bin, …), which an index (takes.txt) counts. A version of a take has
every byte moved by a number of its own.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typing_extensions import override

from augmentation_api import AugmentationJobSpec, FailureReason, PhaseName
from augmentation_api.augmentation_class import DEFAULT_CHECKPOINT_BYTES
from augmentation_api.spec import Preview
from augmentation_api.status import SourceStatus
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats import registry
from augmentation_worker.formats.entries import ShardEntries
from augmentation_worker.formats.integrity import broken, fetch_back
from augmentation_worker.formats.port import Format, Outline, PixelHashes, Plan, Resolution, Shard, ShardMaker, Unit
from augmentation_worker.formats.provenance import job_entries
from augmentation_worker.formats.records import BlobRecord, ShardRecords, UnitRecord
from augmentation_worker.formats.result_files import PREVIEW_PATH
from augmentation_worker.local.commands import draw_preview
from augmentation_worker.local.reproduce import recorded_in
from augmentation_worker.storage.port import SourceDataset, StoredFile
from augmentation_worker.storage.provenance import PROVENANCE_PATH
from augmentation_worker.work import Work
from tests.integration.worker.jobs import LocalRun, local_run

INDEX = DatasetPath("takes.txt")
TAKES = [b"first", b"second", b"third"]


def take(number: int) -> DatasetPath:
    return DatasetPath(f"takes/{number}.bin")


def moved(content: bytes, copy: int) -> bytes:
    return bytes((byte + copy + 1) % 256 for byte in content)


class TakeRecord(UnitRecord):
    copies: tuple[BlobRecord, ...]

    @property
    @override
    def blobs(self) -> tuple[BlobRecord, ...]:
        return self.copies


@dataclass(frozen=True)
class TakesPlan(Plan):
    work: Work
    shard_count: int

    @property
    def takes(self) -> int:
        return int((self.work.source.read(INDEX) or b"0").decode())

    @property
    @override
    def outline(self) -> Outline:
        copies = self.work.spec.augmentation.copies
        shards = []
        for index in range(self.shard_count):
            numbers = range(self.takes)[index :: self.shard_count]
            units = tuple(
                Unit(f"take-{number}", f"take {number}", TakeRecord, (range(number, number + 1),), copies)
                for number in numbers
            )
            carried = tuple(take(number) for number in numbers)
            shards.append(Shard(index, units, carried, index == 0, "takes", "takes"))
        total = self.takes * (1 + copies)
        return Outline(
            shards=tuple(shards),
            selected=(range(self.takes),),
            cameras=1,
            carried=(DatasetPath("LICENSE"),),
            abandoned=(),
            described_by=(PROVENANCE_PATH, INDEX),
            total_episodes=total,
            total_frames=total,
            content=f"{total} takes",
            change=f"Add {total - self.takes} takes",
        )

    @override
    def place_of(self, episode: int) -> str:
        return f"take {episode}"

    @override
    def leave_out(self, episodes: Sequence[range]) -> "TakesPlan":
        raise NotImplementedError

    @override
    def rearrange(self, records: Sequence[ShardRecords]) -> Sequence[ShardRecords]:
        raise NotImplementedError

    @override
    def take_over(self, made: Plan, records: Sequence[ShardRecords]) -> Mapping[str, UnitRecord]:
        return {}

    @contextmanager
    @override
    def maker(self, shard: Shard, entries: ShardEntries) -> Iterator[ShardMaker]:
        yield TakeMaker(self)

    @override
    def assemble(self, records: Sequence[ShardRecords]) -> tuple[Mapping[DatasetPath, bytes], Sequence[StoredFile]]:
        work = self.work
        hashes: dict[DatasetPath, str] = {}
        for record in records:
            for unit in record.units.values():
                hashes |= {blob.path: blob.sha256 for blob in unit.blobs}
        provenance = job_entries(work.job_uid, work.spec, work.source.origin, ()) | {"takes": hashes}
        count = str(self.outline.total_episodes)
        return {PROVENANCE_PATH: json.dumps(provenance).encode(), INDEX: count.encode()}, []

    @override
    def check_stored_result(self, records: Sequence[ShardRecords], written: Mapping[DatasetPath, bytes]) -> None:
        with self.work.new_file("fetched") as local:
            blob = records[0].blobs[0]
            fetch_back(self.work.output, blob, local)
            if local.read_bytes() != TAKES[0]:
                raise broken(f"{blob.path} is not the source's")


@dataclass(frozen=True)
class TakeMaker(ShardMaker):
    plan: TakesPlan

    @override
    def reads(self, unit: Unit) -> Collection[DatasetPath]:
        return [take(int(unit.key.removeprefix("take-")))]

    @override
    def preview(self, unit: Unit | None) -> bytes:
        return b"an image"

    @override
    def make(self, unit: Unit, on_frames: Callable[[int], None]) -> TakeRecord:
        work = self.plan.work
        (path,) = self.reads(unit)
        number, blobs = int(unit.key.removeprefix("take-")), []
        for copy in range(unit.frames):
            with work.new_file("take.bin") as local:
                local.write_bytes(moved(work.source.open(path).read_bytes(), copy))
                blobs.append(BlobRecord.of(work.output.put(take(self.plan.takes + number * unit.frames + copy), local)))
            on_frames(1)
        return TakeRecord(copies=tuple(blobs))


class Takes(Format):
    name = "takes"
    marker = f"has {INDEX}"
    metadata = (INDEX,)
    version_tags = ()

    @override
    def claims(self, paths: Collection[DatasetPath]) -> bool:
        return INDEX in paths

    @override
    def resolve(
        self,
        source: SourceDataset,
        spec: AugmentationJobSpec,
        scratch: Path,
        max_frames: int | None,
        checkpoint_bytes: int = DEFAULT_CHECKPOINT_BYTES,
    ) -> Resolution:
        takes = int((source.read(INDEX) or b"0").decode())
        status = SourceStatus(
            repo_id=source.name,
            revision=source.revision,
            format=self.name,
            episodes=takes,
            frames=takes,
            selected_episodes=takes,
            selected_frames=takes,
            min_shards=1,
            max_shards=takes,
            copies=spec.augmentation.copies,
        )
        return Resolution(status, f"{takes} takes become {takes * spec.augmentation.copies}")

    @override
    def plan(self, work: Work, shard_count: int) -> TakesPlan:
        return TakesPlan(work, shard_count)

    @override
    def preview(self, source: SourceDataset, spec: AugmentationJobSpec, scratch: Path) -> bytes:
        episode = spec.preview.episode if spec.preview is not None else None
        return moved(source.open(take(episode or 0)).read_bytes(), 0)

    @override
    def pixel_hashes(self, provenance: Mapping[str, object]) -> PixelHashes | None:
        takes = provenance.get("takes")
        return {(path, "take"): str(sha256) for path, sha256 in takes.items()} if isinstance(takes, dict) else None


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "takes").mkdir(parents=True)
    (folder / INDEX).write_text(str(len(TAKES)))
    (folder / "LICENSE").write_text("free")
    for number, content in enumerate(TAKES):
        (folder / take(number)).write_bytes(content)
    return folder


@pytest.fixture
def run(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> LocalRun:
    monkeypatch.setattr(registry, "FORMATS", (*registry.FORMATS, Takes()))
    spec = {"source": {"hub": {"repoID": "unused/unused"}}, "augmentation": {"copies": 2}}
    run = local_run(tmp_path / "job", "http://127.0.0.1:9", None, spec)
    return run.with_settings(source_folder=source, output_folder=tmp_path / "result")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_new_format_passes_all_phases(run: LocalRun, source: Path, tmp_path: Path) -> None:
    run.run_all(shards=2)
    result = files(tmp_path / "result")
    takes = [*TAKES, *(moved(content, copy) for content in TAKES for copy in range(2))]
    assert {path: content for path, content in result.items() if path.startswith("takes/")} == {
        take(number): content for number, content in enumerate(takes)
    }
    assert (result[INDEX], result["LICENSE"], result[PREVIEW_PATH]) == (b"9", b"free", b"an image")
    status = run.job.status
    assert status.source is not None
    assert status.output is not None
    assert (status.source.format, status.source.selected_episodes) == ("takes", 3)
    assert (status.output.episodes, status.output.files) == (9, [PROVENANCE_PATH, INDEX])
    assert [shard.episodes.done for shard in status.shards if shard.episodes] == [2, 1]
    assert len(recorded_in(tmp_path / "result").hashes) == 6


def test_shard_that_is_restarted_makes_only_what_is_not_recorded(run: LocalRun, source: Path) -> None:
    run.run(PhaseName.RESOLVE)
    run.run(PhaseName.AUGMENT, shard=0, shards=1)
    before = run.manifests.read(0)
    run.run(PhaseName.AUGMENT, shard=0, shards=1)
    assert run.manifests.read(0) == before
    assert any(event.status == "resumed" for event in run.job.status.phase(PhaseName.AUGMENT).events)


def test_preview_goes_through_format(run: LocalRun, source: Path) -> None:
    spec = run.job.spec.model_copy(update={"preview": Preview(episode=1)})
    assert draw_preview(spec, source) == moved(TAKES[1], 0)


def test_dataset_of_no_known_format_names_what_each_format_looks_for(source: Path, tmp_path: Path) -> None:
    spec = {"source": {"hub": {"repoID": "unused/unused"}}, "augmentation": {"copies": 2}}
    run = local_run(tmp_path / "job", "http://127.0.0.1:9", None, spec)
    with pytest.raises(WorkerFailure) as caught:
        run.with_settings(source_folder=source, output_folder=tmp_path / "result").run(PhaseName.RESOLVE)
    assert caught.value.reason is FailureReason.SOURCE_FORMAT_UNSUPPORTED
    assert all(known.marker in caught.value.message for known in registry.FORMATS)
    assert "3 .bin" in caught.value.message
