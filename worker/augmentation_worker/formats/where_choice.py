"""The choice of episodes (or rows) that `spec.augmentation.where` makes, of whatever format."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from augmentation_api import FailureReason
from augmentation_api.where_clause import Test, WhereError, columns_of, quoted_name, tests_of, text_of
from augmentation_api.where_parser import parse_where
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.where_columns import Mask
from augmentation_worker.formats.where_evaluation import Evaluation

FIELD = "spec.augmentation.where"
_MOST_TESTS_LISTED, _MOST_COLUMNS_LISTED = 8, 20


@dataclass(frozen=True)
class FoundColumns:
    """What a dataset says of its episodes (or rows).

    Attributes:
        place: where it says so, for messages, e.g. meta/episodes.
        names: of the columns that there are.
        table: those of them that were asked for.
    """

    place: str
    names: Sequence[str]
    table: pa.Table


@dataclass(frozen=True)
class Chosen:
    """What a condition selects.

    Attributes:
        rows: rising and disjoint.
        parts: for people, how many each of its comparisons selects by itself, and where that is none, what its column
            holds.
    """

    rows: tuple[range, ...]
    parts: str

    @property
    def count(self) -> int:
        """How many are selected."""
        return sum(map(len, self.rows))


def choose(where: str, read: Callable[[Sequence[str]], FoundColumns]) -> Chosen:
    """Read the columns that a condition names, and evaluate it. A pure function of these columns.

    Raises WorkerFailure: SELECTION_EMPTY for a column that is not there, SPEC_UNSUPPORTED for one that cannot be
    compared so.
    """
    condition = parse_where(where)
    found = read(columns_of(condition))
    unknown = next((test for test in tests_of(condition) if test.column.name not in found.names), None)
    if unknown is not None:
        name = unknown.column.name
        finding = (
            f"{found.place} has no column {quoted_name(name)} to compare; it has: {_closest_first(name, found.names)}"
        )
        raise _failure(FailureReason.SELECTION_EMPTY, WhereError(finding, where, unknown.column.position))
    try:
        evaluation = Evaluation(where, condition, found.table)
        selected = evaluation.truth(condition).yes
        tests = list({text_of(test): test for test in tests_of(condition)}.values())[:_MOST_TESTS_LISTED]
        parts = [_part(test, evaluation) for test in tests]
    except WhereError as error:
        raise _failure(FailureReason.SPEC_UNSUPPORTED, error) from error
    return Chosen(_ranges(selected), "; ".join(parts))


def _failure(reason: FailureReason, error: WhereError) -> WorkerFailure:
    return WorkerFailure(reason, f"{FIELD}: {error.line}")


def _part(test: Test, evaluation: Evaluation) -> str:
    count = int(evaluation.truth(test).yes.sum())
    reason = "" if count else f", as {quoted_name(test.column.name)} {evaluation.describe(test)}"
    return f"{text_of(test)}: {count}{reason}"


def _closest_first(name: str, names: Sequence[str]) -> str:
    """The columns that there are, those first that are most like a name."""
    close = difflib.get_close_matches(name, names[:1000], n=5)
    listed = [*close, *(other for other in names if other not in close)]
    more = f" and {len(listed) - _MOST_COLUMNS_LISTED} more" if len(listed) > _MOST_COLUMNS_LISTED else ""
    return ", ".join(map(quoted_name, listed[:_MOST_COLUMNS_LISTED])) + more


def _ranges(selected: Mask) -> tuple[range, ...]:
    """The rows that are selected, as rising and disjoint ranges."""
    edges = np.flatnonzero(np.diff(selected, prepend=False, append=False))
    return tuple(map(range, edges[::2].tolist(), edges[1::2].tolist()))
