from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_worker.formats.lerobot.records import (
    DataRecord,
    EpisodeRecord,
    EpisodeRecords,
    RowsRecord,
    VideoCopyRecord,
    VideoRecord,
    episode_key,
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


def episode_record(copies: int = 3, parameters: Mapping[str, object] = PARAMETERS) -> EpisodeRecord:
    """As long as a record gets."""
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
    video = VideoRecord(path=path, sha256=SHA, size=12345678, copies=(copy,) * copies)
    return EpisodeRecord(videos={"observation.images.top": (video,)})


def test_a_manifest_reads_back_exactly() -> None:
    blob = BlobRecord(path="data/x.parquet", sha256=SHA, size=1)
    data = DataRecord(file=blob, rows=9, encodings={"observation.images.top": {"video.codec": "av1", "video.g": 2}})
    manifest = {
        episode_key(12): episode_record().encode(),
        "data": data.encode(),
        "original-videos": FilesRecord(files=(blob,)).encode(),
        "note": "of somebody else",
    }
    units = (Unit(episode_key(12), "episode 12", EpisodeRecord), Unit("data", "the rows", DataRecord))
    records = ShardRecords.read(Shard(0, units, (blob.path,), makes_preview=False, task="", product=""), manifest)
    assert EpisodeRecords.of(records) == EpisodeRecords({12: episode_record()}, data)
    assert records.originals == (blob,)


def test_a_full_shard_of_three_copies_fits_into_a_config_map() -> None:
    assert len(episode_record().encode()) * MAX_UNITS_PER_SHARD < 1_000_000


def v21_record(copies: int = 3, parameters: Mapping[str, object] = PARAMETERS) -> EpisodeRecord:
    """v2.1 has two files for each copy, and no quantiles."""
    (video,) = episode_record(1, parameters).videos["observation.images.top"]
    statistics = {name: values for name, values in video.copies[0].statistics.items() if not name.startswith("q")}
    copy = video.copies[0].model_copy(update={"statistics": statistics})
    path = "videos/chunk-012/observation.images.top/episode_012345.mp4"
    one = VideoRecord(path=path, sha256=SHA, size=12345678, copies=(copy,))
    rows = RowsRecord(path="data/chunk-012/episode_012345.parquet", sha256=SHA, size=1234567, rows=3330)
    return EpisodeRecord(videos={"observation.images.top": (one,) * copies}, rows=(rows,) * copies)


@pytest.mark.parametrize("record", [episode_record, v21_record])
@pytest.mark.parametrize("copies", [1, 3, 20])
@pytest.mark.parametrize("transforms", [["lighting"], ["perspective"], [*TransformName]])
def test_a_shard_has_room_for_the_records_of_its_episodes(
    record: Callable[[int, Mapping[str, object]], EpisodeRecord], copies: int, transforms: list[str]
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
