"""What a text takes in etcd."""

import json

import pytest

from augmentation_api.stored_size import cut_to_stored_size, stored_size


def stored(text: str) -> int:
    """As Go writes JSON."""
    written = json.dumps(text, ensure_ascii=False)[1:-1]
    for character in "<>&\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return len(written.encode())


@pytest.mark.parametrize(
    "text", ["", "plain", "<b>&amp;</b>", "\x01\x1b[0m\n", '"C:\\"', "\u2028", "\N{GRINNING FACE}\x7f"]
)
def test_a_text_never_takes_more_than_is_counted(text: str) -> None:
    assert stored(text) <= stored_size(text) <= 3 * stored(text)


@pytest.mark.parametrize("most", range(40))
def test_a_text_is_cut_to_what_it_may_take(most: int) -> None:
    text = 'a<"\N{GRINNING FACE}&' * 3
    cut = cut_to_stored_size(text, most)
    assert text.startswith(cut)
    assert stored_size(cut) <= most < stored_size(text[: len(cut) + 1]) or cut == text
