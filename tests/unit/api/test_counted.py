"""Messages about a number of things."""

import pytest

from augmentation_api.counted import are, counted, do


@pytest.mark.parametrize(("count", "said"), [(0, "0 files are"), (1, "1 file is"), (2, "2 files are")])
def test_noun_and_verb_agree_with_their_number(count: int, said: str) -> None:
    assert f"{counted(count, 'file')} {are(count)}" == said


@pytest.mark.parametrize(("count", "said"), [(1, "becomes"), (2, "become")])
def test_verb_of_one_thing_ends_in_s(count: int, said: str) -> None:
    assert do(count, "become") == said
