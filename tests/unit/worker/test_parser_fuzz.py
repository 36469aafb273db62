"""Made-up bytes for every parser of what a dataset or a hub sends: they are read, or refused in words."""

import pytest

from tests.unit.worker.parser_fuzz import TARGETS, fuzz


@pytest.mark.parametrize("name", TARGETS)
def test_parser_reads_or_refuses_whatever_it_is_given(name: str) -> None:
    assert fuzz(name, examples=25) == 25
