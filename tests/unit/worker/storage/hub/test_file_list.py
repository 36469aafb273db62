"""The list of a source's files as resolve hands it to the shards."""

import zlib
from base64 import b64encode

import pytest

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.storage.hub.client import RemoteFile
from augmentation_worker.storage.hub.file_list import LARGEST_TEXT, Listing, decode

COMMIT = "a" * 40
PLACE = ("lab/kitchen", COMMIT, None)


def files(*paths: str) -> dict[DatasetPath, RemoteFile]:
    return {path: RemoteFile(path, 7, "0" * 40, "1" * 64) for path in map(DatasetPath, paths)}


def text(content: str) -> str:
    return b64encode(zlib.compress(content.encode())).decode()


def test_list_is_read_back_with_names_and_sizes_in_their_order() -> None:
    listed = files("z.mp4", "meta/info.json", "a name with spaces.bin")
    encoded = Listing(*PLACE, listed).encode()
    assert encoded is not None
    read = decode(encoded, *PLACE)
    assert read is not None
    assert [(path, file.size) for path, file in read.items()] == [(path, 7) for path in listed]


def test_list_of_ten_thousand_videos_fits_a_config_map() -> None:
    names = [f"videos/chunk-{n // 1000:03}/observation.images.top/episode_{n:06}.mp4" for n in range(10_000)]
    encoded = Listing(*PLACE, files(*names)).encode()
    assert encoded is not None
    assert len(encoded) < LARGEST_TEXT / 10


@pytest.mark.parametrize(
    "place", [("lab/other", COMMIT, None), ("lab/kitchen", "b" * 40, None), ("lab/kitchen", COMMIT, "folder")]
)
def test_list_of_something_else_is_not_used(place: tuple[str, str, str | None]) -> None:
    assert decode(Listing(*PLACE, files("a")).encode() or "", *place) is None


@pytest.mark.parametrize(
    "written",
    [
        "no base64",
        b64encode(b"no zlib").decode(),
        text("[]"),
        text('["lab/kitchen", "' + COMMIT + '", null]\n7 ../token'),
        text('["lab/kitchen", "' + COMMIT + '", null]\n-7 a'),
        text('["lab/kitchen", "' + COMMIT + '", null]\n7 a\n7 a'),
        text("[" * 100_000),
    ],
)
def test_what_is_no_list_is_not_used(written: str) -> None:
    assert decode(written, *PLACE) is None
