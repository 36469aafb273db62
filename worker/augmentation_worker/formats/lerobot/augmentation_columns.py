"""The columns augmentation/* of meta/episodes: which episode of a result is a copy, and of which episode.

An episode that was recorded has its own number, copy NO_COPY and is_augmented false: no cell is empty, so that pandas
and LeRobot's own tools keep whole numbers. (An empty cell would turn the column into floats.)

Of a result that is augmented again, an episode that had a source keeps it, and a copy of a copy gets the source of the
first: all versions of a recording have one source_episode_index, whichever job made them. In mode copy numbers of
originals never change, so it is right in the last result, too. `copy` is the number among the copies that one job made
of one episode.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

PREFIX: Final = "augmentation/"
SOURCE_EPISODE: Final = f"{PREFIX}source_episode_index"
COPY: Final = f"{PREFIX}copy"
IS_AUGMENTED: Final = f"{PREFIX}is_augmented"
COLUMNS: Final = pa.schema([(SOURCE_EPISODE, pa.int64()), (COPY, pa.int64()), (IS_AUGMENTED, pa.bool_())])
NO_COPY: Final = -1
"""`copy` of an episode that is none."""


def result_schema(source: pa.Schema) -> pa.Schema:
    """The columns of a result's episodes: the source's, and these at their end."""
    others = [field for field in source if field.name not in COLUMNS.names]
    return pa.schema([*others, *COLUMNS], source.metadata)


def recorded_columns(rows: pa.Table) -> dict[str, pa.Array]:
    """The three columns of episodes that stay as they are, by their names.

    Args:
        rows: episodes of the source. Cells that are no such values, as a merge with other datasets leaves them, count
            as those of an episode that was recorded.
    """
    own = np.asarray(rows.column("episode_index"), dtype=np.int64)
    sources = _whole(rows, SOURCE_EPISODE, own)
    copies = _whole(rows, COPY, np.full(len(own), NO_COPY))
    augmented = np.array([cell is True or cell == 1 for cell in _cells(rows, IS_AUGMENTED)], dtype=bool)
    sources, copies = np.where(augmented, sources, own), np.where(augmented, copies, NO_COPY)
    values = (sources, copies, augmented)
    return {field.name: pa.array(column, field.type) for field, column in zip(COLUMNS, values, strict=True)}


def cells_of_copy(recorded: Mapping[str, pa.Array], row: int, copy: int) -> dict[str, object]:
    """The three cells of a copy of the episode in this row of `recorded_columns`."""
    return {SOURCE_EPISODE: recorded[SOURCE_EPISODE][row].as_py(), COPY: copy, IS_AUGMENTED: True}


def with_columns(rows: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    """Episodes with these three columns, in the order of `result_schema`."""
    for name in COLUMNS.names:
        if name in rows.column_names:
            rows = rows.drop_columns(name)
        rows = rows.append_column(COLUMNS.field(name), columns[name])
    return rows


def _cells(rows: pa.Table, name: str) -> Sequence[object]:
    return rows.column(name).to_pylist() if name in rows.column_names else [None] * rows.num_rows


def _whole(rows: pa.Table, name: str, otherwise: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """A column as whole numbers, those of `otherwise` where it has none."""
    cells = zip(_cells(rows, name), otherwise.tolist(), strict=True)
    found = [int(cell) if isinstance(cell, int | float) and cell == cell // 1 else other for cell, other in cells]
    return np.array(found, dtype=np.int64)
