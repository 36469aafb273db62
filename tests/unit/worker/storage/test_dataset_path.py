"""A path inside a dataset: what it can be, and what it cannot."""

import os
import pickle
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from augmentation_worker.dataset_path import DatasetPath, PathRefused, checked_listing, shown
from augmentation_worker.formats.records import BlobRecord

ROOT = Path("/datasets/pusht")


@pytest.mark.parametrize(
    "text",
    [
        "README.md",
        ".gitattributes",
        "data/chunk-000/file-000.parquet",
        "videos/observation.images.top/chunk-000/file-000.mp4",
        "train/Äpfel und Birnen/bild 1 (2).png",
        "...",
        "a..b/..c/d..",
        "x" * 255,
        "/".join(["ab"] * 341),
    ],
)
def test_an_ordinary_path_is_taken_as_it_is(text: str) -> None:
    assert DatasetPath(text) == text
    assert "/".join(DatasetPath(text).parts) == text


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", "''"),
        ("/etc/passwd", "absolute"),
        ("//host/share", "absolute"),
        ("../secret", "'..'"),
        ("meta/../../token", "'..'"),
        ("meta/..", "'..'"),
        ("..", "'..'"),
        (".", "'.'"),
        ("./a", "'.'"),
        ("a/./b", "'.'"),
        ("a//b", "''"),
        ("a/", "''"),
        ("a\\..\\b", "character"),
        ("C:\\token", "character"),
        ("a\0.png", "character"),
        ("a\nb", "character"),
        ("\x1b]0;title\x07", "character"),
        ("a\x85b", "character"),
        ("a\u2028b", "character"),
        ("a\udcffb", "character"),
        ("x" * 256, "255"),
        ("ä" * 128, "255"),
        ("/".join(["ab"] * 342), "1024"),
    ],
)
def test_anything_else_is_refused_with_its_name(text: str, finding: str) -> None:
    with pytest.raises(PathRefused) as caught:
        DatasetPath(text)
    message = str(caught.value)
    assert finding in message
    assert message.isprintable()
    assert len(message) < 700
    message.encode()


@given(st.text(st.characters() | st.sampled_from("./\\\0\n")))
def test_no_text_becomes_a_path_that_leads_outside(text: str) -> None:
    try:
        path = DatasetPath(text)
    except PathRefused as refused:
        assert str(refused).isprintable()
        return
    target = os.path.normpath(ROOT / path)
    assert target == f"{ROOT}/{text}"
    assert PurePosixPath(target).is_relative_to(ROOT)
    assert target != str(ROOT)
    assert path.encode().decode() == text


@given(st.lists(st.sampled_from(["a", "B", "..", ".", "", "c.d"]), max_size=6))
def test_a_path_is_what_it_was_made_of(parts: list[str]) -> None:
    legal = bool(parts) and not {"", ".", ".."} & set(parts)
    if legal:
        assert DatasetPath("/".join(parts)).parts == tuple(parts)
    else:
        with pytest.raises(PathRefused):
            DatasetPath("/".join(parts))


def test_a_path_is_checked_wherever_it_is_read_from() -> None:
    assert pickle.loads(pickle.dumps(DatasetPath("a/b"))) == "a/b"
    read = TypeAdapter(DatasetPath)
    assert type(read.validate_json('"a/b"')) is DatasetPath
    with pytest.raises(ValidationError, match="has the part"):
        read.validate_python("../b")


def test_a_record_that_names_a_file_outside_is_refused() -> None:
    blob = BlobRecord(path=DatasetPath("data/a.parquet"), sha256="0" * 64, size=1)
    assert BlobRecord.decode(blob.encode(), "data") == blob
    with pytest.raises(match=r"data.*'\.\.'"):
        BlobRecord.decode(blob.encode().replace("data/a", "data/../../a"), "data")


def test_names_that_look_alike_are_different_files() -> None:
    names = ["README.md", "readme.md", "caf\u00e9.png", "cafe\u0301.png"]
    assert checked_listing(names) == names


@pytest.mark.parametrize(
    ("names", "finding"),
    [
        (["a", "a"], "'a' is listed twice"),
        (["a/b/c", "a"], "'a' is a file and also the folder of 'a/b/c'"),
        (["a/b", "x", "a/b/c/d"], "'a/b' is a file and also the folder of 'a/b/c/d'"),
        (["a", "../b"], "'../b' has the part '..'"),
    ],
)
def test_a_listing_that_no_folder_can_have_is_refused(names: list[str], finding: str) -> None:
    with pytest.raises(PathRefused) as caught:
        checked_listing(names)
    assert finding in str(caught.value)


def test_a_path_in_a_message_is_short_and_printable() -> None:
    assert shown("a b") == "'a b'"
    assert shown("\x1b[2J\n") == r"'\x1b[2J\n'"
    assert len(shown("x" * 5000)) < 200
