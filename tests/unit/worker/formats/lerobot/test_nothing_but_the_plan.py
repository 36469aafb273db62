"""A worker that was taken over cannot publish, by its records, what its shard was not to make."""

from __future__ import annotations

import pytest

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.images.dataset import SourceFile
from augmentation_worker.formats.images.integrity import as_planned
from augmentation_worker.formats.images.plan import Block, ImageShard
from augmentation_worker.formats.images.records import BlockRecord, ImageShardRecords
from augmentation_worker.formats.lerobot import integrity
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.file_number import FileNumber
from augmentation_worker.formats.lerobot.layout import PICTURE_PATH
from augmentation_worker.formats.lerobot.plan import PlannedEpisode, PlannedShard
from augmentation_worker.formats.lerobot.records import BlobRecord, EpisodeRecord, ShardRecords

FILE = FileNumber(0, 0)
CARRIED = DatasetPath("videos/own.mp4")


def blob(path: str, content: str = "a") -> BlobRecord:
    return BlobRecord(path=DatasetPath(path), sha256=content * 64, size=1)


def planned(index: int) -> PlannedShard:
    episode = Episode(index=index, length=1, from_index=0, to_index=1, data_file=FILE, videos={})
    return PlannedShard(index, (PlannedEpisode(episode, ()),), FILE, (CARRIED,))


@pytest.mark.parametrize("path", [PICTURE_PATH, "README.md", "meta/info.json"])
def test_a_shard_publishes_its_own_episodes_and_files_alone(path: str) -> None:
    own = EpisodeRecord(videos={})
    found = ShardRecords(
        episodes={0: own, 1: own, 7: own},
        data=None,
        original_videos=(blob(CARRIED), blob("videos/of-shard-0.mp4"), blob("README.md")),
        picture=blob(path),
    )
    left = integrity.as_planned(planned(1), found)
    assert list(left.episodes) == [1]
    assert [file.path for file in left.original_videos] == [CARRIED]
    assert left.picture is None


def test_the_first_shard_publishes_the_picture_at_its_place() -> None:
    found = ShardRecords(episodes={}, data=None, original_videos=(), picture=blob(PICTURE_PATH))
    assert integrity.as_planned(planned(0), found).picture == blob(PICTURE_PATH)
    elsewhere = found.model_copy(update={"picture": blob("README.md")})
    assert integrity.as_planned(planned(0), elsewhere).picture is None


@pytest.mark.parametrize("path", [PICTURE_PATH, "README.md"])
def test_a_shard_of_images_publishes_its_own_blocks_and_files_alone(path: str) -> None:
    file = SourceFile("train", DatasetPath("data/a.parquet"), 0, 1)
    block = Block(1, file, 0, 1, (range(1),), False, 1, DatasetPath("augmented/b.parquet"))
    record = BlockRecord(file=blob(block.path), rows=1, pixel_hash={})
    found = ImageShardRecords(
        blocks={0: record, 1: record}, originals=(blob(CARRIED), blob("README.md")), picture=blob(path)
    )
    left = as_planned(ImageShard(1, (block,), (CARRIED,)), found)
    assert [each.path for each in left.blobs] == [CARRIED, block.path]
    assert (as_planned(ImageShard(0, (block,), ()), found).picture is not None) == (path == PICTURE_PATH)
