"""JSON and YAML of others: refused in words where they are larger, deeper or odder than any dataset's."""

import json

import pytest

from augmentation_worker.bounded.documents import front_matter_of, read_json_object
from augmentation_worker.bounded.unreadable import Unreadable

LAUGHS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))]
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{" * 100, "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"\xff{}", "is not UTF-8 text"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8 text"),
        (b'{"a": ' + b"[" * 100_000, "nests too deep"),
        (b'{"a": ' + b"[" * 80 + b"]" * 80 + b"}", "nests more than 64 levels deep"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b'{"a": ' + b"9" * 4000 + b"}", "holds a whole number of"),
        (b'{"a": NaN}', "holds nan, which is not a number"),
        (b'{"a": [1, -Infinity]}', "holds -inf"),
        (b'{"a": 1e999}', "holds inf"),
        (b'{"a": "\\ud800"}', "is not Unicode"),
        (b'{"\\udfff": 1}', "is not Unicode"),
        (b'{"a": "' + b"x" * 2000 + b'"}', "more than the 1000 that are read"),
    ],
)
def test_unreadable_json_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read_json_object(content, most_bytes=1000 if b"xxx" in content else 200_000)


def test_statistics_may_hold_nan() -> None:
    assert read_json_object(b'{"std": [NaN]}', most_bytes=100, finite=False)["std"][0] != 0


def test_json_is_read_unchanged() -> None:
    document = {"features": {"a": {"shape": [2, 3], "names": None}}, "fps": 29.97, "große": True, "n": -(2**63) + 1}
    assert read_json_object(json.dumps(document).encode(), most_bytes=1000) == document


@pytest.mark.parametrize(
    ("front", "words"),
    [
        (LAUGHS, "holds more than 500000 values"),
        ("a: &a [*a]", "nests more than 64 levels deep"),
        ("a: " + "[" * 5000, "nests too deep"),
        ("a: " + "[" * 80 + "]" * 80, "nests more than 64 levels deep"),
        ("a: [", "is not YAML"),
        ("- a", "is not a mapping"),
        ("a: !!python/object/apply:os.system [id]", "is not YAML"),
        ("a: !!int x", "is not YAML"),
        ("a: 9999-99-99", "is not YAML"),
        ("? [a]\n: b", "is not YAML"),
        ("a: " + "9" * 5000, "is not YAML"),
        ('a: "\\ud800"', "is not Unicode"),
        ("a: b # " + "x" * 2**20, "more than the 1048576 read"),
    ],
)
def test_unreadable_front_matter_is_refused(front: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        front_matter_of(f"---\n{front}\n---\n\n# Card\n".encode())


def test_card_without_front_matter_is_empty() -> None:
    assert front_matter_of(b"# Card\n") == {}
    assert front_matter_of(b"") == {}


def test_front_matter_is_read_unchanged() -> None:
    card = "---\nlicense: mit\nconfigs:\n- config_name: default\n  data_files: data/*.parquet\n---\n# Card\n"
    configs = [{"config_name": "default", "data_files": "data/*.parquet"}]
    assert front_matter_of(card.encode()) == {"license": "mit", "configs": configs}
