"""Columns that a condition looks at, as it compares them: booleans, numbers, texts, or several texts in each row."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class Sort(StrEnum):
    """What a column holds, for people."""

    BOOLEANS = "true and false"
    NUMBERS = "numbers"
    TEXTS = "text"
    NOTHING = "nothing in any row"


@dataclass(frozen=True)
class Cells:
    """The cells of a column.

    Attributes:
        sort: what is in them.
        missing: by row, whether it has none: null, NaN, or no text.
        values: of booleans bool [rows], of numbers int64, uint64 or float64 [rows], of texts the indices in `texts`,
            int64 [texts of all rows]; anything where a value is missing.
        texts: the different texts.
        rows: the row of each of `values`, if a row may have several.
        literal_type: to which a number is rounded that is compared with these: of float32 what float32 holds of it.
    """

    sort: Sort
    missing: Mask
    values: NDArray[np.generic]
    texts: tuple[str, ...] = ()
    rows: NDArray[np.int64] | None = None
    literal_type: type[np.floating] = np.float64

    def rows_with(self, found: Mask) -> Mask:
        """The rows that have at least one of the values that were found, and none that are missing."""
        if self.rows is None:
            return found & ~self.missing
        return np.bincount(self.rows[found], minlength=len(self.missing)) > 0


class Incomparable(ValueError):
    """The column is of a type that no condition looks at. Its text says of which."""


def cells_of(column: pa.ChunkedArray) -> Cells:
    """Read a column. Raises Incomparable."""
    array = _whole(column)
    kind = array.type
    if pa.types.is_null(kind):
        return Cells(Sort.NOTHING, np.ones(len(array), bool), np.zeros(len(array), bool))
    if pa.types.is_boolean(kind):
        return Cells(Sort.BOOLEANS, _nulls(array), _filled(array, False))
    if pa.types.is_integer(kind):
        wide = pa.uint64() if kind == pa.uint64() else pa.int64()
        return Cells(Sort.NUMBERS, _nulls(array), _filled(array.cast(wide), 0))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = _filled(array.cast(pa.float64()), np.nan)
        narrow: type[np.floating] = np.float64
        if kind in (pa.float16(), pa.float32()):
            narrow = np.float16 if kind == pa.float16() else np.float32
        return Cells(Sort.NUMBERS, np.isnan(numbers), numbers, literal_type=narrow)
    if _is_text(kind):
        return _texts(array, _nulls(array), None)
    if _is_list(kind) and (_is_text(kind.value_type) or pa.types.is_null(kind.value_type)):
        items, rows = pc.list_flatten(array), pc.list_parent_indices(array).to_numpy().astype(np.int64)
        valid = ~_nulls(items)
        count = np.bincount(rows[valid], minlength=len(array))
        return _texts(items.filter(pa.array(valid)), count == 0, rows[valid])
    raise Incomparable("lists, objects, or values of several kinds" if pa.types.is_nested(kind) else f"{kind}")


def _texts(texts: pa.Array, missing: Mask, rows: NDArray[np.int64] | None) -> Cells:
    encoded = texts.cast(pa.large_string()).dictionary_encode()
    try:
        different = tuple(encoded.dictionary.to_pylist())
    except UnicodeDecodeError as error:
        raise Incomparable("bytes that are no text") from error
    return Cells(Sort.TEXTS, missing, _filled(encoded.indices.cast(pa.int64()), 0), different, rows)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _nulls(array: pa.Array) -> Mask:
    missing: Mask = array.is_null().to_numpy(zero_copy_only=False)
    return missing


def _filled(array: pa.Array, value: object) -> NDArray[np.generic]:
    filled: NDArray[np.generic] = array.fill_null(pa.scalar(value, array.type)).to_numpy(zero_copy_only=False)
    return filled
