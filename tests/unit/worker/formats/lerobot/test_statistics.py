from pathlib import Path

import numpy as np
import pytest

from augmentation_worker.formats.lerobot.statistics import (
    aggregate,
    channel_means,
    column_name,
    is_statistic,
    shortened,
    statistics_columns,
)
from tests.unit.worker.formats.lerobot.samples import FIXTURE, FIXTURE_V21, TOP, fixture_metadata, fixture_table

CAMERA = "observation.image"


def test_statistics_of_parts_make_those_of_the_whole() -> None:
    random = np.random.default_rng(0)
    parts = [random.normal(loc=number, size=(20 + 30 * number, 4)) for number in range(5)]
    whole = aggregate(
        {
            "min": np.stack([part.min(axis=0) for part in parts]),
            "max": np.stack([part.max(axis=0) for part in parts]),
            "mean": np.stack([part.mean(axis=0) for part in parts]),
            "std": np.stack([part.std(axis=0) for part in parts]),
            "count": np.array([[len(part)] for part in parts], dtype=np.float64),
        }
    )
    together = np.concatenate(parts)
    np.testing.assert_array_equal(whole["min"], together.min(axis=0))
    np.testing.assert_array_equal(whole["max"], together.max(axis=0))
    np.testing.assert_allclose(whole["mean"], together.mean(axis=0))
    np.testing.assert_allclose(whole["std"], together.std(axis=0))
    np.testing.assert_array_equal(whole["count"], [len(together)])


def test_image_statistics_keep_their_shape() -> None:
    ones = np.ones((2, 3, 1, 1))
    whole = aggregate({"min": ones, "max": ones, "mean": ones, "std": ones, "count": np.array([[4.0], [6.0]])})
    assert whole["mean"].shape == (3, 1, 1)


@pytest.mark.parametrize(("name", "expected"), [("q01", 1.0), ("q50", 1.0), ("q51", 4.0), ("q99", 4.0)])
def test_quantiles_of_a_whole_reach_over_all_its_parts(name: str, expected: float) -> None:
    """lerobot#3804: the least up to the median, the greatest above."""
    assert aggregate({name: np.array([[1.0], [4.0]])}) == {name: [expected]}


def test_of_what_parts_do_not_have_the_whole_has_nothing() -> None:
    ones = np.ones((2, 1))
    assert set(aggregate({"mean": ones, "std": ones, "min": ones, "median": ones, "q1e": ones})) == {"min"}
    assert set(aggregate({"mean": ones, "count": ones})) == {"mean", "count"}


def test_channel_means_are_the_episodes_else_the_datasets_else_grey() -> None:
    metadata = fixture_metadata()
    own = channel_means(metadata.statistics.means, 0, metadata.stats_json, CAMERA)
    assert own == pytest.approx((0.9693957, 0.9828348, 0.9761963))
    bare = metadata.table
    whole = channel_means(bare, 0, metadata.stats_json, CAMERA)
    assert whole != own
    assert whole == pytest.approx(own, abs=0.01)
    assert channel_means(bare, 0, None, CAMERA) == (0.5, 0.5, 0.5)
    assert channel_means(bare, 0, b"{}", TOP) == (0.5, 0.5, 0.5)


def test_shortened_numbers_keep_what_a_float32_holds() -> None:
    for value in (1 / 3, 0.9693956971168518, 254 / 255):
        assert np.float32(shortened(value)) == np.float32(value)
        assert len(repr(shortened(value))) <= 12


@pytest.mark.parametrize("folder", [FIXTURE, FIXTURE_V21])
def test_without_the_statistics_of_all_episodes_their_names_and_the_means_of_cameras_are_known(folder: Path) -> None:
    metadata, table = fixture_metadata(folder), fixture_table(folder)
    assert not any(map(is_statistic, metadata.table.column_names))
    assert metadata.statistics.names == statistics_columns(table)
    (camera,) = metadata.info.cameras
    name = column_name(camera.key, "mean")
    assert metadata.statistics.means.to_pydict() == {name: table.column(name).to_pylist()}
    assert channel_means(metadata.statistics.means, 1, None, camera.key) != (0.5, 0.5, 0.5)
