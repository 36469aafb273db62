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
