"""How often a shard writes its status."""

import pytest

from augmentation_api.status import MAX_SHARDS
from augmentation_worker.cluster.reporter import interval_for


def test_a_few_shards_write_every_two_seconds() -> None:
    assert interval_for(1) == interval_for(8) == 2.0


@pytest.mark.parametrize("shards", [16, 50, MAX_SHARDS])
def test_all_shards_of_a_job_together_write_at_most_four_times_a_second(shards: int) -> None:
    assert shards / interval_for(shards) <= 4
