"""What a shard records of an image dataset: a key a block, as text of a few hundred bytes."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict

from augmentation_worker.formats.lerobot.records import (
    ORIGINAL_VIDEOS_KEY,
    PICTURE_KEY,
    BlobRecord,
    OriginalVideosRecord,
    Record,
    index_of,
    parts_per_shard,
)

ORIGINALS_KEY = ORIGINAL_VIDEOS_KEY
"""The source's files that the shard has carried over, whatever is in them."""
_BLOCK_KEY_PREFIX = "block-"
_BLOCK_RECORD_BYTES = 400
_COLUMN_RECORD_BYTES = 300
"""Most that is recorded of a block, and of each augmented column of it (its name has up to 200 characters)."""


def most_blocks_per_shard(columns: int) -> int:
    """Blocks whose records fit into one ConfigMap."""
    return parts_per_shard(_BLOCK_RECORD_BYTES + _COLUMN_RECORD_BYTES * columns)


def block_key(index: int) -> str:
    """Key under which a block is recorded."""
    return f"{_BLOCK_KEY_PREFIX}{index:06d}"


class BlockRecord(Record):
    """A block that is stored.

    Attributes:
        file: where it is.
        rows: that it has.
        pixel_hash: by augmented column, the hash of all of its versions' pixels before they were encoded.
    """

    file: BlobRecord
    rows: int
    pixel_hash: dict[str, str]


class ImageShardRecords(BaseModel):
    """A shard's whole manifest, read.

    Attributes:
        blocks: by index.
        originals: the source's files that are carried over.
        picture: before and after; of the first shard.
    """

    model_config = ConfigDict(frozen=True)

    blocks: dict[int, BlockRecord]
    originals: tuple[BlobRecord, ...]
    picture: BlobRecord | None

    @classmethod
    def read(cls, manifest: Mapping[str, str]) -> Self:
        """Read a manifest; keys of other writers are passed over. Raises RecordInvalid."""
        return cls(
            blocks={
                index_of(key, _BLOCK_KEY_PREFIX): BlockRecord.decode(text, key)
                for key, text in manifest.items()
                if key.startswith(_BLOCK_KEY_PREFIX)
            },
            originals=OriginalVideosRecord.decode(manifest[ORIGINALS_KEY], ORIGINALS_KEY).files
            if ORIGINALS_KEY in manifest
            else (),
            picture=BlobRecord.decode(manifest[PICTURE_KEY], PICTURE_KEY) if PICTURE_KEY in manifest else None,
        )

    @property
    def blobs(self) -> list[BlobRecord]:
        """Everything that is stored."""
        blocks = [self.blocks[index].file for index in sorted(self.blocks)]
        return [*self.originals, *blocks, *([self.picture] if self.picture else [])]
