"""How a job scales: what was measured of its augment phase, and the model of the same."""

from pathlib import Path

import pytest

from benchmarks.growth import STARTED, Bench, Size, measure_scaling, scaling_plots, scaling_table
from benchmarks.local_job import Spent

SIZE = Size(episodes=10, frames=100)


class _MadeUp(Bench):
    """A job of 1 s before and 1 s after, 2 s of a start and 8 s of work, which two cores do not quite halve."""

    def run(self, size: Size, *, shards: int = 1, cores: int | None = None) -> dict[str, Spent]:
        augment = 2.0 if size == STARTED else 2.0 * -(-shards // (cores or 1)) + 8.0 / (1.8 if cores == 2 else 1)
        seconds = {"resolve": 1.0, "augment": augment, "publish": 1.0}
        return {name: Spent(each, each, 100) for name, each in seconds.items()}


def test_augment_phase_is_compared_with_the_model_of_the_same() -> None:
    model, found = measure_scaling(_MadeUp(Path()), SIZE, {1: (1, 4), 2: (2, 8)})
    assert (model.fixed, model.start, model.work) == (2, 2, 8)
    assert [(each.cores, each.shards, each.augment) for each in found][:2] == [(1, 1, 10), (1, 4, 16)]
    last = scaling_table(SIZE, model, found).rows[-1]
    assert last == pytest.approx([2, 8, 2 + 8 + 8 / 1.8, 14, 8 + 8 / 1.8, 12, 1000 / (8 + 8 / 1.8)])
    series = {each.label: each.values for each in scaling_plots(SIZE, model, found)[0].series}
    assert series["2 cores"] == [None, pytest.approx(1000 / (2 + 8 / 1.8)), None, last[-1]]
    assert series["2 cores, by the model"] == pytest.approx([1000 / 6, 1000 / 6, 1000 / 8, 1000 / 12])


def test_no_more_frames_a_second_than_the_work_of_a_frame_allows() -> None:
    model, found = measure_scaling(_MadeUp(Path()), SIZE, {1: (1, 2, 8), 2: (1, 2, 8)})
    rows = scaling_table(SIZE, model, found).rows
    assert all(float(str(row[-1])) <= int(str(row[0])) * SIZE.augmented_frames / model.work for row in rows)
