"""What a shard records of an episode reads back exactly, and is no longer than is reckoned with."""

from collections.abc import Mapping

import pytest

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
)
from augmentation_worker.formats.records import ShardRecords
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


def test_records_read_back_exactly() -> None:
    rows = RowsFileRecord(path="data/x.parquet", sha256=SHA, size=1, rows=9)
    data = DataRecord(files=(rows,), encodings={TOP: {"video.codec": "av1", "video.g": 2}})
    units = {
        "video-0-012345-012345": VideosRecord.decode(unit_record().encode(), ""),
        "data": DataRecord.decode(data.encode(), ""),
    }
    read = EpisodeRecords.of(ShardRecords(units))
    copies = unit_record().files[0].episodes[0].copies
    assert (read.data, read.episodes[12345].copies(TOP)) == (data, [*copies])
    assert [read.episodes[12345].number(TOP, copy) for copy in range(3)] == [FileNumber(0, 123)] * 3


@pytest.mark.parametrize("transforms", [["lighting"], ["perspective"], [*TransformName]])
def test_a_copy_takes_a_few_kilobytes_at_most(transforms: list[str]) -> None:
    augmentation = Augmentation.model_validate({"transforms": transforms, **{name: {"drift": 1} for name in GEOMETRY}})
    sampled = sample_pipeline(augmentation, camera="top", episode=7, copy=0, episode_mean=(0.41, 0.52, 0.63))
    one, two = (len(unit_record(copies, sampled.parameters).encode()) for copies in (1, 2))
    assert 700 < two - one < 1100 + 160 * len(transforms)
