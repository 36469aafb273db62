"""The cells of a column of images: a struct of bytes and path, as `datasets` writes them, or the bytes alone."""

from typing import cast

import pyarrow as pa

from augmentation_worker.media.images.header import ImageInvalid

Cell = dict[str, bytes | str | None] | bytes | None
"""As Arrow gives it."""


def holds_images(kind: pa.DataType) -> bool:
    """Whether `datasets` reads a column of this type, if it is declared an Image, as bytes of images."""
    if pa.types.is_struct(kind):
        names = {field.name for field in kind.fields}
        return "bytes" in names <= {"bytes", "path"} and _is_binary(kind.field("bytes").type)
    return _is_binary(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def is_empty(cell: Cell) -> bool:
    """Whether a cell has no image, and names none."""
    return cell is None or (isinstance(cell, dict) and cell["bytes"] is None and cell.get("path") is None)


def content_of(cell: Cell) -> bytes:
    """The image in a cell that is not empty. Raises ImageInvalid for one that the cell only names."""
    content = cell["bytes"] if isinstance(cell, dict) else cell
    if content is None:
        raise ImageInvalid(
            f"is not in the dataset, which only names {path_of(cell)!r}: store the images themselves, as push_to_hub "
            "and to_parquet of the datasets library do"
        )
    return cast("bytes", content)


def path_of(cell: Cell) -> str | None:
    """The name of the image's file, if the cell has it."""
    return cast("str | None", cell.get("path")) if isinstance(cell, dict) else None


def with_content(cell: Cell, content: bytes) -> Cell:
    """The cell with another image."""
    return {**cell, "bytes": content} if isinstance(cell, dict) else content
