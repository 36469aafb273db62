"""What the user of a job on an image dataset is told before it runs."""

from dataclasses import replace
from typing import Any

import pytest

from augmentation_api import AugmentationJobSpec
from augmentation_worker.formats.images.notices import warnings_of
from tests.unit.worker.formats.images.test_image_plan import dataset


@pytest.mark.parametrize(
    ("augmentation", "words"),
    [
        ({}, "The images in the column depth are left as they are, as its name is that of labels"),
        ({"cameras": ["depth"]}, "names the column depth, though its name is that of labels"),
        ({"cameras": ["image"]}, None),
        ({"transforms": ["affine"], "alsoApplyTo": {"image": ["depth"]}}, None),
    ],
)
def test_column_of_labels_is_reported_unless_the_job_says_what_becomes_of_it(
    augmentation: dict[str, Any], words: str | None
) -> None:
    source = replace(dataset({"train": [4]}), left={"depth": "its name is that of labels"})
    spec = {"source": {"hub": {"repoID": "lab/images"}}, "augmentation": augmentation}
    said = warnings_of(AugmentationJobSpec.model_validate(spec), source)
    assert len(said) == (words is not None)
    assert words is None or words in said[0]
