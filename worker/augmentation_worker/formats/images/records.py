"""What a shard records of an image dataset: one entry per block."""

from typing_extensions import override

from augmentation_worker.formats.records import BlobRecord, UnitRecord


def block_key(index: int) -> str:
    """Key under which a block is recorded."""
    return f"block-{index:06d}"


class BlockRecord(UnitRecord):
    """A block that is stored.

    Attributes:
        file: where it is.
        rows: that it has.
        pixel_hash: by augmented column, the hash of all of its versions' pixels before they were encoded.
        kept: of each augmented column, in their order, how many images were left as they are, as they hold labels.
    """

    file: BlobRecord
    rows: int
    pixel_hash: dict[str, str]
    kept: tuple[int, ...] = ()

    @property
    @override
    def blobs(self) -> tuple[BlobRecord, ...]:
        return (self.file,)
