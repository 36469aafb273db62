"""The records of a shard: what it was planned to do is read, and nothing else that somebody may have written."""

import pytest

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.records import BlockRecord, block_key
from augmentation_worker.formats.lerobot.records import RowsRecord, unusable_episodes
from augmentation_worker.formats.port import Shard, Unit
from augmentation_worker.formats.records import (
    MOST_CAUSES,
    ORIGINALS_KEY,
    PREVIEW_KEY,
    UNUSABLE_RECORD_BYTES,
    BlobRecord,
    FilesRecord,
    ShardRecords,
    UnitRecord,
    check_complete,
    unusable_of,
)
from augmentation_worker.formats.result_files import PREVIEW_PATH

CARRIED = DatasetPath("videos/own.mp4")


def blob(path: str) -> BlobRecord:
    return BlobRecord(path=DatasetPath(path), sha256="a" * 64, size=1)


def shard(index: int, key: str, record: type[UnitRecord]) -> Shard:
    unit = Unit(key=key, title=key, record=record)
    return Shard(index, (unit,), (CARRIED,), makes_preview=index == 0, task="", product="")


def manifest(preview: str, **units: UnitRecord) -> dict[str, str]:
    """What a worker has written that was taken over: its own files, and others."""
    return {
        **{key.replace("_", "-"): record.encode() for key, record in units.items()},
        ORIGINALS_KEY: FilesRecord(files=(blob(CARRIED), blob("videos/of-shard-0.mp4"), blob("README.md"))).encode(),
        PREVIEW_KEY: blob(preview).encode(),
    }


@pytest.mark.parametrize("path", [PREVIEW_PATH, "README.md", "meta/info.json"])
def test_a_shard_publishes_its_own_episodes_and_files_alone(path: str) -> None:
    own = RowsRecord()
    written = manifest(path, rows_0=own, rows_1=own, rows_7=own, data=own)
    records = ShardRecords.read(shard(1, "rows-1", RowsRecord), written)
    assert list(records.units) == ["rows-1"]
    assert [file.path for file in records.originals] == [CARRIED]
    assert records.preview is None


@pytest.mark.parametrize("path", [PREVIEW_PATH, "README.md"])
def test_the_first_shard_publishes_the_preview_at_its_place(path: str) -> None:
    records = ShardRecords.read(shard(0, "rows-0", RowsRecord), manifest(path))
    assert (records.preview == blob(PREVIEW_PATH)) == (path == PREVIEW_PATH)
    assert (records.preview is None) == (path != PREVIEW_PATH)


@pytest.mark.parametrize("path", [PREVIEW_PATH, "README.md"])
def test_a_shard_of_images_publishes_its_own_blocks_and_files_alone(path: str) -> None:
    own = BlockRecord(file=blob("augmented/b.parquet"), rows=1, pixel_hash={})
    written = manifest(path, block_000000=own, block_000001=own)
    records = ShardRecords.read(shard(1, block_key(1), BlockRecord), written)
    assert [each.path for each in records.blobs] == [CARRIED, "augmented/b.parquet"]
    first = ShardRecords.read(shard(0, block_key(0), BlockRecord), written)
    assert (first.preview is not None) == (path == PREVIEW_PATH)


def test_an_empty_manifest_is_a_shard_that_has_not_begun() -> None:
    assert ShardRecords.read(shard(0, "rows-0", RowsRecord), {}) == ShardRecords({})


def test_a_damaged_record_is_named() -> None:
    with pytest.raises(WorkerFailure, match="rows-3") as caught:
        ShardRecords.read(shard(0, "rows-3", RowsRecord), {"rows-3": '{"files": 1}'})
    assert caught.value.reason is FailureReason.INTERNAL_ERROR


def test_what_a_shard_has_not_recorded_is_named() -> None:
    shards = [shard(0, "rows-0", RowsRecord), shard(1, "rows-4", RowsRecord)]
    complete = ShardRecords({"rows-0": RowsRecord()}, (blob(CARRIED),), blob(PREVIEW_PATH))
    with pytest.raises(WorkerFailure) as caught:
        check_complete(shards, [complete, ShardRecords({})])
    assert caught.value.reason is FailureReason.INTERNAL_ERROR
    assert f"rows-4 (shard 1), {CARRIED} (shard 1); retry" in caught.value.message
    with pytest.raises(WorkerFailure, match=r"the preview \(shard 0\)"):
        check_complete(shards[:1], [ShardRecords(complete.units, complete.originals)])


def test_a_unit_names_only_its_own_episodes_as_unusable() -> None:
    unit = Unit(key="rows-1", title="episode 1", record=RowsRecord, episodes=(range(1, 2),))
    planned = Shard(0, (unit,), (), makes_preview=False, task="", product="")
    own = RowsRecord(unusable=unusable_of({1: "cut short"}))
    assert ShardRecords.read(planned, {unit.key: own.encode()}).units[unit.key].bad_episodes == [range(1, 2)]
    others = RowsRecord(unusable=unusable_of({1: "cut short", 2: "cut short"}))
    with pytest.raises(WorkerFailure) as caught:
        ShardRecords.read(planned, {unit.key: others.encode()})
    assert "not in it" in caught.value.message


def test_what_cannot_be_used_takes_bounded_space() -> None:
    unlike = unusable_of(
        {row: f"column image: the image ends after {row} <bytes> \x01{'x' * 600}" for row in range(0, 200, 2)}
    )
    record = RowsRecord(unusable=unlike)
    assert len(unlike) == MOST_CAUSES
    assert len(record.encode()) <= UNUSABLE_RECORD_BYTES
    assert sum(map(len, record.bad_episodes)) == 100
    assert len(RowsRecord(unusable=unusable_of({7: "\x01" * 9999})).encode()) <= UNUSABLE_RECORD_BYTES
    with pytest.raises(WorkerFailure) as caught:
        unusable_of(dict.fromkeys(range(0, 1000, 2), "column image: the image is truncated"))
    assert "500 of the rows from 0 on cannot be used, the first because: column image" in caught.value.message


def test_records_without_bad_episodes_are_as_short_as_before() -> None:
    assert RowsRecord().encode() == '{"pictures":{},"files":[]}'


def test_each_bad_episode_of_a_unit_keeps_its_cause() -> None:
    causes = {index: f"frame {index} of the file is missing" for index in range(0, 120, 2)}
    recorded = unusable_episodes(causes)
    assert recorded == {cause: str(index) for index, cause in causes.items()}
    scattered = RowsRecord(unusable=unusable_episodes(dict.fromkeys(range(0, 1000, 2), "is missing")))
    assert sum(map(len, scattered.bad_episodes)) == 500
