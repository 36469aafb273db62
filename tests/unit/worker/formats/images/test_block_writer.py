"""Blocks are written row by row, and compared with their source before they are stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augmentation_api import Augmentation, FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images import shard
from augmentation_worker.formats.images.block_check import WrittenBlock, check_written_block
from augmentation_worker.formats.images.dataset import ImageDataset, Layout, SourceFile
from augmentation_worker.formats.images.plan import Block
from augmentation_worker.formats.images.shard import BlockWriter
from tests.integration.worker.image_datasets import image

IMAGES = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SCHEMA = pa.schema([("id", pa.int64()), ("image", IMAGES)])
AUGMENTATION = Augmentation.model_validate({"transforms": ["noise"], "copies": 3})


@dataclass(frozen=True)
class GeneratedRows:
    """Stands in for a source: as many rows as wanted, none of which is kept."""

    rows: int
    content: bytes | None = None

    def between(self, file: SourceFile, start: int, stop: int) -> Iterator[tuple[int, pa.Table]]:
        for row in range(start, stop):
            cells = [{"bytes": self.content or image(row % 7, "PNG"), "path": f"{row}.png"}]
            yield row, pa.table([[row], pa.array(cells, IMAGES)], schema=SCHEMA)


def dataset(rows: int) -> ImageDataset:
    file = SourceFile("train", DatasetPath("a.parquet"), 0, rows)
    files, columns = (file,), ("image",)
    return ImageDataset(
        "d", "r", "default", Layout.PARQUET, SCHEMA, ("train",), files, columns, columns, frozenset(), {}
    )


def write(local: Path, rows: int, *, copies: int = 3, content: bytes | None = None) -> tuple[Block, WrittenBlock]:
    block = Block(
        dataset(rows).files[0], 0, rows, (range(rows),), False, copies, index=0, path=DatasetPath("augmented/a.parquet")
    )
    writer = BlockWriter(dataset(rows), AUGMENTATION, ("image",), {}, "cpu", lambda versions: None)
    return block, writer.write(block, GeneratedRows(rows, content), local)


def test_a_block_is_written_in_row_groups_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "ROW_GROUP_BYTES", 6000)
    block, written = write(tmp_path / "a.parquet", 40)
    check_written_block(tmp_path / "a.parquet", block, written)
    footer = pq.read_metadata(tmp_path / "a.parquet")
    assert footer.num_rows == 120
    assert max(footer.row_group(group).total_byte_size for group in range(footer.num_row_groups)) < 4 * 6000


@pytest.mark.parametrize("change", ["id", "path", "rows", "image", "another image", "columns"])
def test_whatever_else_changed_is_found(change: str, tmp_path: Path) -> None:
    block, written = write(tmp_path / "a.parquet", 2, copies=1)
    table = pq.read_table(tmp_path / "a.parquet")
    ids, cells = table.column("id").to_pylist(), table.column("image").to_pylist()
    schema = SCHEMA
    if change == "id":
        ids[1] = 7
    elif change == "path":
        cells[1]["path"] = "other.png"
    elif change == "another image":
        cells[1]["bytes"] = image(1, "PNG")
    elif change == "image":
        cells[1]["bytes"] = b"nothing"
    elif change == "columns":
        schema = SCHEMA.with_metadata({"huggingface": "other features"})
    else:
        ids, cells = ids[:1], cells[:1]
    pq.write_table(pa.table([ids, pa.array(cells, IMAGES)], schema=schema), tmp_path / "b.parquet")
    with pytest.raises(WorkerFailure) as caught:
        check_written_block(tmp_path / "b.parquet", block, written)
    assert caught.value.reason is FailureReason.INTEGRITY_CHECK_FAILED


def test_versions_are_written_in_the_order_of_their_rows(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", 30)
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.column("id").to_pylist() == [row for row in range(30) for _ in range(3)]
    first = table.column("image").to_pylist()[0]["bytes"]
    (tmp_path / "a.png").write_bytes(first)
    assert Image.open(tmp_path / "a.png").size == (36, 24)


def test_a_block_of_which_no_row_can_be_used_is_a_file_without_rows(tmp_path: Path) -> None:
    block, written = write(tmp_path / "a.parquet", 2, content=b"<html>")
    assert sorted(written.unusable) == [0, 1]
    assert pq.read_table(tmp_path / "a.parquet").num_rows == written.rows == 0
    without = block.leave_out([range(2)])
    assert isinstance(without, Block)
    check_written_block(tmp_path / "a.parquet", without, written)
