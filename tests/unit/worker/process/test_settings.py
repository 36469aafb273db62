"""A pod's settings."""

import pytest

from augmentation_worker.failure import WorkerFailure
from augmentation_worker.settings import Settings


def test_settings_are_read_from_the_environment() -> None:
    environment = {
        "AUGMENTATION_JOB_NAMESPACE": "lab",
        "AUGMENTATION_JOB_NAME": "demo",
        "AUGMENTATION_JOB_UID": "some-uid",
        "AUGMENTATION_SHARD_COUNT": "4",
        "JOB_COMPLETION_INDEX": "3",
    }
    settings = Settings.from_environment(environment)
    assert (settings.shard_count, settings.shard_index, settings.max_frames) == (4, 3, None)


def test_an_unusable_variable_fails_the_pod_by_its_name() -> None:
    with pytest.raises(WorkerFailure, match="AUGMENTATION_DEVICE='gpu' cannot be used: give 'auto', 'cpu' or 'cuda'"):
        Settings.from_environment({"AUGMENTATION_DEVICE": "gpu"})
