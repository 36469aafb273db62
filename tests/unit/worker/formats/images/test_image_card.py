"""The card of an image dataset's result: its files by split, and everything else as it was."""

from typing import Any

import pytest
import yaml

from augmentation_api import AugmentationJobSpec
from augmentation_worker.formats.images.card import write_card
from augmentation_worker.formats.images.planner import make_plan
from tests.unit.worker.formats.images.test_image_plan import dataset

SPEC = AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "lab/images"}}})
CARD = """\
---
license: mit
configs:
- config_name: default
  data_files: [{split: train, path: data/train-*}]
  data_dir: data
- config_name: other
  data_files: [{split: train, path: other/*}]
dataset_info:
- config_name: default
  features: [{name: id, dtype: int64}]
  splits: [{name: train, num_bytes: 9, num_examples: 8}]
  dataset_size: 9
- config_name: other
  splits: [{name: train, num_bytes: 1, num_examples: 1}]
---
# Images
"""


def front_matter(card: str | None, *, extends: bool = False) -> tuple[dict[str, Any], str]:
    source = dataset({"train": [5, 3]})
    plan = make_plan(source, SPEC, 1, [])
    text = write_card(SPEC, source, plan, card.encode() if card is not None else None, {}, extends=extends).decode()
    _, front, rest = text.split("---\n", 2)
    return yaml.safe_load(front), rest


def test_files_are_named_by_split_and_what_was_counted_is_left_out() -> None:
    front, rest = front_matter(CARD)
    files = ["data/train-0.parquet", "data/train-1.parquet", "augmented/train-*.parquet"]
    assert front["configs"] == [{"config_name": "default", "data_files": [{"split": "train", "path": files}]}]
    assert front["license"] == "mit"
    assert front["dataset_info"] == {"config_name": "default", "features": [{"name": "id", "dtype": "int64"}]}
    assert "# Images" in rest
    assert "| Rows | 32 (train: 32) |" in rest


def test_over_the_source_other_configurations_stay_as_they_are() -> None:
    front, _ = front_matter(CARD, extends=True)
    before = yaml.safe_load(CARD.split("---\n")[1])
    assert front["configs"][1:] == before["configs"][1:]
    assert front["dataset_info"][1:] == before["dataset_info"][1:]


@pytest.mark.parametrize("card", [None, "# No front matter\n", "---\n- a list\n---\n", "---\nlicense: mit\n---\n"])
def test_any_card_will_do(card: str | None) -> None:
    front, _ = front_matter(card)
    assert [each["config_name"] for each in front["configs"]] == ["default"]


def test_a_card_written_twice_says_it_once() -> None:
    source = dataset({"train": [5]})
    plan = make_plan(source, SPEC, 1, [])
    once = write_card(SPEC, source, plan, CARD.encode(), {}, extends=False)
    assert write_card(SPEC, source, plan, once, {}, extends=False) == once
