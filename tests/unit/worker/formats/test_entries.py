"""A shard's manifest: what the shard was planned to do is read, and nothing else that somebody may have written."""

import json

import pytest

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.documents import MOST_HELD_BYTES
from augmentation_worker.formats.entries import (
    PREVIEW_KEY,
    Document,
    OriginalsEntry,
    ShardEntries,
    UnitEntry,
    check_complete,
    originals_key,
)
from augmentation_worker.formats.images.records import BlockRecord, block_key
from augmentation_worker.formats.lerobot.records import DataRecord, RowsRecord, VideosRecord
from augmentation_worker.formats.limits import MOST_UNITS_PER_SHARD, check_units, fewest_shards
from augmentation_worker.formats.port import Shard, Unit
from augmentation_worker.formats.records import (
    MOST_CAUSES,
    BlobRecord,
    FilesRecord,
    UnitRecord,
    unusable_of,
)
from augmentation_worker.formats.result_files import PREVIEW_PATH

CARRIED = tuple(DatasetPath(f"videos/own-{number}.mp4") for number in range(4))
SHA = "0123456789abcdef" * 4


def blob(path: str) -> BlobRecord:
    return BlobRecord(path=DatasetPath(path), sha256=SHA, size=1)


def entry(**causes: str) -> UnitEntry:
    return UnitEntry(document=Document(sha256=SHA, size=123_456), file_bytes=104_857_600, unusable=causes)


def shard(index: int, key: str, record: type[UnitRecord] = RowsRecord) -> Shard:
    unit = Unit(key=key, title=key, record=record, episodes=(range(1, 2),))
    return Shard(index, (unit,), CARRIED, makes_preview=index == 0, task="", product="")


def originals(**counts: int) -> dict[str, str]:
    document = Document(sha256=SHA, size=9)
    return {
        key.replace("_", "-"): OriginalsEntry(document=document, count=count).encode() for key, count in counts.items()
    }


@pytest.mark.parametrize(("key", "record"), [("episode-000001", RowsRecord), (block_key(1), BlockRecord)])
def test_a_shard_has_its_own_units_alone(key: str, record: type[UnitRecord]) -> None:
    others = dict.fromkeys(
        ["episode-000000", "episode-000001", block_key(1), "episode-000007", "data"], entry().encode()
    )
    entries = ShardEntries.read(shard(1, key, record), {**others, PREVIEW_KEY: blob(PREVIEW_PATH).encode()})
    assert list(entries.units) == [key]
    assert entries.preview is None


@pytest.mark.parametrize("path", [PREVIEW_PATH, "README.md"])
def test_the_first_shard_publishes_the_preview_at_its_place(path: str) -> None:
    entries = ShardEntries.read(shard(0, "episode-000000"), {PREVIEW_KEY: blob(path).encode()})
    assert (entries.preview is not None) == (path == PREVIEW_PATH)


def test_a_shard_carries_no_more_files_than_were_planned() -> None:
    planned = shard(1, "episode-000001")
    read = ShardEntries.read(planned, originals(originals_0=1, originals_1=2, originals_2=1, originals_3=2))
    assert list(read.originals) == ["originals-0", "originals-1"], (
        "the third overlaps the second, and the last goes beyond the plan"
    )
    assert read.carried(planned) == set(CARRIED[:3])


@pytest.mark.parametrize("paths", [CARRIED[:2], CARRIED[1:], ("README.md",), ()])
def test_a_shard_carries_no_other_files_than_were_planned(paths: tuple[str, ...]) -> None:
    planned = shard(1, "episode-000001")
    record = FilesRecord(files=tuple(blob(path) for path in paths))
    read = ShardEntries.read(planned, {originals_key(0): record.encode()})
    assert read.carried(planned) == (set(CARRIED[:2]) if paths == CARRIED[:2] else set())


def test_a_record_that_is_in_no_document_yet_is_read_as_it_is() -> None:
    record = BlockRecord(file=blob("data/block.parquet"), rows=9, pixel_hash={"image": "x"})
    read = ShardEntries.read(shard(1, block_key(1), BlockRecord), {block_key(1): record.encode()})
    assert (read.units, read.documents) == ({block_key(1): record}, [])


def test_of_records_before_files_were_packed_those_of_images_are_read_and_those_of_episodes_are_not() -> None:
    file = {"path": "data/train-augmented-0.parquet", "sha256": SHA, "size": 9}
    old = {
        "block-000001": json.dumps({"file": file, "rows": 9, "pixel_hash": {"image": "f3a9"}}),
        "episode-000001": json.dumps({"videos": {}, "pictures": {}, "rows": []}),
        "data": json.dumps({"rows": 0, "encodings": {}, "encoders": {}}),
        "original-videos": json.dumps({"files": [{**file, "path": CARRIED[0]}]}),
    }
    of_images = shard(1, block_key(1), BlockRecord)
    assert ShardEntries.read(of_images, old).missing(of_images) == [f"{path} (shard 1)" for path in CARRIED]
    for of_episodes in (shard(1, "episode-000001", VideosRecord), shard(1, "data", DataRecord)):
        assert ShardEntries.read(of_episodes, old) == ShardEntries({}), "made again"


def test_an_empty_manifest_is_a_shard_that_has_not_begun() -> None:
    assert ShardEntries.read(shard(0, "episode-000000"), {}) == ShardEntries({})


@pytest.mark.parametrize(
    "text", ['{"videos": 1}', "", '{"document":{"sha256":"x","size":1},"file_bytes":1}', "[" * 9999]
)
def test_what_cannot_be_read_counts_as_not_recorded(text: str) -> None:
    planned = shard(0, "episode-000001")
    manifest = dict.fromkeys(["episode-000001", PREVIEW_KEY, originals_key(0)], text)
    assert ShardEntries.read(planned, manifest) == ShardEntries({})


def test_what_a_shard_has_not_recorded_is_named() -> None:
    shards = [shard(0, "episode-000000"), shard(1, "episode-000004")]
    complete = ShardEntries.read(
        shards[0],
        {"episode-000000": entry().encode(), PREVIEW_KEY: blob(PREVIEW_PATH).encode(), **originals(originals_0=4)},
    )
    with pytest.raises(WorkerFailure) as caught:
        check_complete(shards, [complete, ShardEntries({})])
    assert caught.value.reason is FailureReason.RECORDS_LOST
    assert f"not recorded episode-000004 (shard 1), {CARRIED[0]} (shard 1), " in caught.value.message
    assert "spec.attempt" in caught.value.message
    check_complete(shards[:1], [complete])
    with pytest.raises(WorkerFailure, match=r"the preview \(shard 0\)"):
        check_complete(shards[:1], [ShardEntries(complete.units, complete.originals)])


def test_a_unit_names_only_its_own_episodes_as_unusable() -> None:
    planned = shard(1, "episode-000001")
    own, others = unusable_of({1: "cut short"}), unusable_of({1: "cut short", 2: "cut short"})
    assert ShardEntries.read(planned, {"episode-000001": entry(**own).encode()}).bad_episodes == [range(1, 2)]
    assert not ShardEntries.read(planned, {"episode-000001": entry(**others).encode()}).units


def test_what_cannot_be_used_takes_bounded_space() -> None:
    unlike = unusable_of(
        {row: f"column image: the image ends after {row} <bytes> \x01{'x' * 600}" for row in range(0, 200, 2)}
    )
    assert len(unlike) == MOST_CAUSES
    bare, most = len(entry().encode()), 1200
    assert len(entry(**unlike).encode()) <= bare + most
    assert sum(map(len, entry(**unlike).bad_episodes)) == 100
    assert len(entry(**unusable_of({7: "\x01" * 9999})).encode()) <= bare + most
    (whole,) = unusable_of(dict.fromkeys(range(9), f"{'x' * 300} is wrong: repair it"))
    assert whole.endswith("repair it"), "one cause is not cut because many rows have it"
    with pytest.raises(WorkerFailure) as caught:
        unusable_of(dict.fromkeys(range(0, 1000, 2), "column image: the image is truncated"))
    assert "500 of the rows from 0 on cannot be used, the first because: column image" in caught.value.message


def test_a_full_manifest_fits_into_a_config_map() -> None:
    units = {f"video-0-{number:06d}-{number:06d}": entry().encode() for number in range(MOST_UNITS_PER_SHARD)}
    carried = {originals_key(number): originals(x=100)["x"] for number in range(MOST_UNITS_PER_SHARD // 10)}
    stored = len("".join(key + text for key, text in {**units, **carried}.items())) + MOST_HELD_BYTES
    assert 0.6 * 2**20 < stored < 0.9 * 2**20, "the rest is for what cannot be used, and for shards above the average"


def test_shards_that_a_job_needs_follow_from_its_units() -> None:
    assert [fewest_shards(units) for units in (0, 1, 3000, 3001, 300_000)] == [1, 1, 1, 2, 100]
    check_units(300_000)
    with pytest.raises(WorkerFailure, match=r"300001 files.* can record 300000.*limits\.checkpointMB") as caught:
        check_units(300_001)
    assert caught.value.reason is FailureReason.LIMIT_EXCEEDED
