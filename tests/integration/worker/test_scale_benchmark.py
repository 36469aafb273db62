"""benchmarks/scale.py measures jobs of many episodes: that it runs is shown with a few."""

from pathlib import Path

from augmentation_worker.local.run import prepared
from benchmarks.scale import COPIES, MOST, SPEC, Job, table, too_large
from benchmarks.scale_dataset import CAMERAS, make_dataset

EPISODES = 2


def test_a_job_is_measured_from_its_source_to_its_result(tmp_path: Path) -> None:
    make_dataset(tmp_path / "generated", EPISODES)
    job = Job(prepared(SPEC, tmp_path / "generated", tmp_path / "augmented", 1, "cpu"))
    job.measure()
    assert job.stopped_by is None
    assert set(MOST) <= set(job.figures)
    # The source's file of a camera, and for each episode, as those of two do not fit into one, a file of its copies.
    assert len(list((tmp_path / "augmented").rglob("*.mp4"))) == (1 + EPISODES) * len(CAMERAS)
    output = job.run.job().status.output
    assert output is not None
    assert output.episodes == EPISODES * (1 + COPIES)
    assert job.figures["commit: operations"] == sum(path.is_file() for path in (tmp_path / "augmented").rglob("*"))


def test_figures_are_shown_with_their_growth_and_those_that_are_too_large_are_named() -> None:
    few, many = {"resolve: s": 2.0, "files": 150.0}, {"resolve: s": 61.0}
    assert table({10: few, 100: many}).splitlines() == [
        "            10 episodes   100 episodes  at most",
        "resolve: s         2.00  61.00 (x30.5)       60",
        "files               150              -",
    ]
    assert too_large(many) == ["resolve: s: 61.0, more than 60"]
