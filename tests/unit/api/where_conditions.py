"""Hypothesis strategies of conditions, for the parser and for the evaluation."""

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from augmentation_api.where_clause import And, Column, Comparison, Condition, Membership, Not, Operator, Or, Value

ORDERED = (Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST)
SAME = (Operator.EQUAL, Operator.UNEQUAL)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8) | st.sampled_from(
    ["success", "augmentation/is_augmented", "observation.state", "in", "TRUE", "a`b", "été", "1st", "x-y"]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, allow_infinity=False)


def tests_of_column(
    column: Column, values: st.SearchStrategy[Value], operators: Sequence[Operator]
) -> st.SearchStrategy[Condition]:
    """Comparisons of a column with some values, and with null."""
    compared = st.builds(Comparison, st.just(column), st.sampled_from(operators), values)
    with_null = st.builds(Comparison, st.just(column), st.sampled_from(SAME), st.none())
    among = st.builds(Membership, st.just(column), st.lists(values, min_size=1, max_size=4).map(tuple))
    return compared | with_null | among


def of_column(name: str, values: st.SearchStrategy[Value], sort: type) -> st.SearchStrategy[Condition]:
    """What may be asked of a column of this sort of values: bool, float or str."""
    more = {bool: (), float: ORDERED, str: (*ORDERED, Operator.CONTAINS)}[sort]
    return tests_of_column(Column(name), values, (*SAME, *more))


def conditions(
    columns: Mapping[str, tuple[st.SearchStrategy[Value], type]] | None = None,
) -> st.SearchStrategy[Condition]:
    """Conditions on these columns, or on any."""
    if columns is None:
        leaves = NAMES.flatmap(
            lambda name: (
                of_column(name, st.booleans(), bool) | of_column(name, NUMBERS, float) | of_column(name, TEXTS, str)
            )
        )
    else:
        leaves = st.one_of([of_column(name, values, sort) for name, (values, sort) in columns.items()])

    def larger(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        several = st.lists(parts, min_size=2, max_size=3).map(tuple)
        return st.builds(Not, parts) | st.builds(And, several) | st.builds(Or, several)

    return st.recursive(leaves, larger, max_leaves=8)
