"""How augmented cameras are stored, as resolve reports it for estimates."""

from pathlib import Path

import pytest

from augmentation_api import AugmentationJobSpec
from augmentation_api.status import MOST_STREAMS, StreamStatus
from augmentation_worker.formats.images.resolve import resolve as resolve_images
from augmentation_worker.formats.lerobot.resolve import resolve
from augmentation_worker.formats.streams import stream_status
from augmentation_worker.storage.folder.source import FolderSource
from tests.integration.worker.image_datasets import parquet_dataset
from tests.integration.worker.lerobot_recorder import HEIGHT, WIDTH, Kind, record

PUSHT = Path(__file__).parents[3] / "fixtures" / "pusht_v30"


def camera(height: int, size: int = 1000) -> StreamStatus:
    return StreamStatus(codec="av1", height=height, width=64, bytes_per_frame=size)


def streams_of(folder: Path, **augmentation: object) -> list[StreamStatus] | None:
    spec = AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "a/b"}}, "augmentation": augmentation})
    return resolve(FolderSource(folder, "a/b"), spec, None).source.streams


def test_cameras_that_are_stored_alike_are_one_entry() -> None:
    assert stream_status([camera(48, 1000), camera(96), camera(48, 2000)]) == [
        StreamStatus(cameras=2, codec="av1", height=48, width=64, bytes_per_frame=1500),
        StreamStatus(cameras=1, codec="av1", height=96, width=64, bytes_per_frame=1000),
    ]


@pytest.mark.parametrize("kinds", [0, MOST_STREAMS + 1])
def test_none_or_too_many_kinds_are_not_listed(kinds: int) -> None:
    assert stream_status(camera(2 + 2 * number) for number in range(kinds)) is None


def test_videos_are_described_by_their_files() -> None:
    (video,) = streams_of(PUSHT) or []
    stored = (PUSHT / "videos/observation.image/chunk-000/file-000.mp4").stat().st_size
    assert (video.codec, video.height, video.width, video.gop, video.preset) == ("av1", 224, 224, 2, "12")
    assert 0.9 * stored < video.bytes_per_frame * (resolved_frames(PUSHT)) <= stored


def resolved_frames(folder: Path) -> int:
    spec = AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "a/b"}}})
    return resolve(FolderSource(folder, "a/b"), spec, None).source.frames or 0


def test_images_are_described_by_their_first_and_by_the_size_of_the_rows(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    record(folder, "v3.0", {"observation.images.top": Kind.PNG, "observation.images.wrist": Kind.JPEG})
    streams = {stream.codec: stream for stream in streams_of(folder) or []}
    assert streams.keys() == {"png", "jpeg"}
    assert (streams["png"].height, streams["png"].width) == (HEIGHT, WIDTH)
    assert streams["png"].bytes_per_frame > 0
    (chosen,) = streams_of(folder, cameras=["observation.images.wrist"]) or []
    assert (chosen.codec, chosen.cameras) == ("jpeg", 1)


def test_columns_of_an_image_dataset_are_described_by_their_first_image(tmp_path: Path) -> None:
    folder = parquet_dataset(tmp_path / "rows")
    spec = AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "a/b"}}})
    found = resolve_images(FolderSource(folder, "a/b"), spec, tmp_path / "scratch", None).source
    streams = found.streams or []
    assert sorted((stream.codec, stream.height, stream.width) for stream in streams) == [
        ("jpeg", 20, 30),
        ("jpeg", 24, 36),
    ]
    rows = sum(path.stat().st_size for path in folder.glob("data/*.parquet"))
    assert found.frames is not None
    assert all(stream.bytes_per_frame == rows // (3 * found.frames) for stream in streams), "of three columns of images"
