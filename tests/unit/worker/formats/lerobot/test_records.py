from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.records import (
    DataRecord,
    EpisodeInFile,
    EpisodeRecords,
    RowsFileRecord,
    VideoCopyRecord,
    VideoRecord,
    VideosRecord,
    most_episodes_per_shard,
)
from augmentation_worker.formats.port import Shard, Unit
from augmentation_worker.formats.records import (
    MAX_UNITS_PER_SHARD,
    RECORDS_BYTES,
    BlobRecord,
    FilesRecord,
    ShardRecords,
    most_units_per_shard,
)
from augmentation_worker.transforms.pipeline import sample_pipeline

GEOMETRY = ("affine", "cropResize", "perspective")
SHA = "0123456789abcdef" * 4


PARAMETERS = {"lighting": {"brightness_percent": -12.345678901234567, "contrast_percent": 1.2345678901234567}}


TOP = "observation.images.top"


def unit_record(copies: int = 3, parameters: Mapping[str, object] = PARAMETERS) -> VideosRecord:
    """Of one episode; as long as it gets."""
    names = ("min", "max", "mean", "std", "q01", "q10", "q50", "q90", "q99")
    copy = VideoCopyRecord(
        from_timestamp=123.4666666666667,
        to_timestamp=234.4666666666667,
        frames=3330,
        pixel_hash=SHA,
        statistics={**{name: [0.123456789, 0.234567891, 0.345678912] for name in names}, "count": [438.0]},
        parameters=dict(parameters),
    )
    path = "videos/observation.images.top/chunk-000/file-123.mp4"
    entry = EpisodeInFile(episode=12345, copies=(copy,) * copies)
    return VideosRecord(
        stream=TOP, files=(VideoRecord(path=path, sha256=SHA, size=12345678, number=(0, 123), episodes=(entry,)),)
    )


def test_a_manifest_reads_back_exactly() -> None:
    blob = BlobRecord(path="data/x.parquet", sha256=SHA, size=1)
    rows = RowsFileRecord(path="data/x.parquet", sha256=SHA, size=1, rows=9)
    data = DataRecord(files=(rows,), encodings={TOP: {"video.codec": "av1", "video.g": 2}})
    manifest = {
        "video-0-012345-012345": unit_record().encode(),
        "data": data.encode(),
        "original-videos": FilesRecord(files=(blob,)).encode(),
        "note": "of somebody else",
    }
    units = (Unit("video-0-012345-012345", "top", VideosRecord), Unit("data", "the rows", DataRecord))
    records = ShardRecords.read(Shard(0, units, (blob.path,), makes_preview=False, task="", product=""), manifest)
    read = EpisodeRecords.of(records)
    copies = unit_record().files[0].episodes[0].copies
    assert (read.data, read.episodes[12345].copies(TOP)) == (data, [*copies])
    assert [read.episodes[12345].number(TOP, copy) for copy in range(3)] == [FileNumber(0, 123)] * 3
    assert records.originals == (blob,)


def test_a_full_shard_of_three_copies_fits_into_a_config_map() -> None:
    assert len(unit_record().encode()) * MAX_UNITS_PER_SHARD < 1_000_000


def v21_record(copies: int = 3, parameters: Mapping[str, object] = PARAMETERS) -> VideosRecord:
    """v2.1 has a file for each copy, and no quantiles."""
    (video,) = unit_record(1, parameters).files
    (entry,) = video.episodes
    statistics = {name: values for name, values in entry.copies[0].statistics.items() if not name.startswith("q")}
    copy = entry.copies[0].model_copy(update={"statistics": statistics})
    path = "videos/chunk-012/observation.images.top/episode_012345.mp4"
    one = video.model_copy(update={"path": path, "episodes": (EpisodeInFile(episode=12345, copies=(copy,)),)})
    return VideosRecord(stream=TOP, files=(one,) * copies)


@pytest.mark.parametrize("record", [unit_record, v21_record])
@pytest.mark.parametrize("copies", [1, 3, 20])
@pytest.mark.parametrize("transforms", [["lighting"], ["perspective"], [*TransformName]])
def test_a_shard_has_room_for_the_records_of_its_episodes(
    record: Callable[[int, Mapping[str, object]], VideosRecord], copies: int, transforms: list[str]
) -> None:
    augmentation = Augmentation.model_validate({"transforms": transforms, **{name: {"drift": 1} for name in GEOMETRY}})
    sampled = sample_pipeline(augmentation, camera="top", episode=7, copy=0, episode_mean=(0.41, 0.52, 0.63))
    length = len(record(copies, sampled.parameters).encode())
    assert length * most_episodes_per_shard(copies, len(transforms)) <= RECORDS_BYTES


@given(st.integers(1, 2_000_000))
def test_the_records_of_a_shard_fit_into_a_config_map(record_bytes: int) -> None:
    parts = most_units_per_shard(record_bytes)
    assert 1 <= parts <= MAX_UNITS_PER_SHARD
    assert parts == 1 or parts * record_bytes <= RECORDS_BYTES < 2**20
