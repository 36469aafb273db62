"""The file that describes a job on one machine."""

import pytest

from augmentation_worker.failure import WorkerFailure
from augmentation_worker.local.job_file import folder_spec


def test_episodes_of_another_form_are_refused_with_an_example() -> None:
    with pytest.raises(WorkerFailure) as caught:
        folder_spec({"augmentation": {"episodes": "0-1,3"}}, "job.yaml")
    assert caught.value.message == (
        "job.yaml: spec.augmentation.episodes: has to be episode indices and half-open ranges, e.g. 0:100,150"
    )


@pytest.mark.parametrize(
    ("augmentation", "said"),
    [
        ({"percamera": []}, "percamera: there is no such field: correct its name, or remove it"),
        ({"splits": "train"}, "splits: has to be a valid list"),
        ({"choose": 2}, "choose is 2, but transforms names only lighting: choose at most 1, or name more transforms"),
    ],
)
def test_what_is_wrong_is_said_in_words_that_need_no_pydantic(augmentation: dict[str, object], said: str) -> None:
    with pytest.raises(WorkerFailure) as caught:
        folder_spec({"augmentation": augmentation}, "job.yaml")
    assert caught.value.message in (f"job.yaml: spec.augmentation.{said}", f"job.yaml: spec.augmentation: {said}")
