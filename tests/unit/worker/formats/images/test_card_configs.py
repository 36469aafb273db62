"""What `datasets` is shown of a card names the dataset's files as the source lists them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from augmentation_worker.formats.images.card_configs import shown_card
from augmentation_worker.formats.images.detection import find_image_dataset
from augmentation_worker.storage.folder.source import FolderSource
from tests.integration.worker.image_datasets import SPLIT_ROWS, image_folder, parquet_dataset


def card(config: dict[str, Any]) -> bytes:
    front = yaml.safe_dump({"configs": [{"config_name": "default", **config}]})
    return f"---\n{front}---\n".encode()


def rows(folder: Path, content: bytes) -> int:
    (folder / "README.md").write_bytes(content)
    return find_image_dataset(FolderSource(folder, "dataset"), folder.with_name("scratch")).rows


@pytest.mark.parametrize(
    "config",
    [
        {"data_files": "./data/train-*"},
        {"data_files": ["./data//train-*"]},
        {"data_files": [{"split": "train", "path": ["./data/./train-00000*", "data/train-00001*"]}]},
    ],
)
def test_parts_of_a_path_that_say_nothing_are_left_out(config: dict[str, Any], tmp_path: Path) -> None:
    assert rows(parquet_dataset(tmp_path / "dataset"), card(config)) == SPLIT_ROWS["train"]


@pytest.mark.parametrize("config", [{"data_files": "./train/**"}, {"data_dir": "./train/"}, {"data_dir": "train/./"}])
def test_the_same_of_folders_of_images(config: dict[str, Any], tmp_path: Path) -> None:
    assert rows(image_folder(tmp_path / "dataset"), card(config)) == SPLIT_ROWS["train"]


@pytest.mark.parametrize("named", [".", "./data"])
def test_a_folder_that_a_card_names_is_named_without_them_too(named: str, tmp_path: Path) -> None:
    assert rows(parquet_dataset(tmp_path / "dataset"), card({"data_dir": named})) == sum(SPLIT_ROWS.values())


def test_a_mark_at_the_beginning_of_a_card_hides_nothing_of_it(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + card({"data_files": "data/train-*"})
    assert b"data/train-*" in shown_card(content)
    assert rows(parquet_dataset(tmp_path / "dataset"), content) == SPLIT_ROWS["train"]
