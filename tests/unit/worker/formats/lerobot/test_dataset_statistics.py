"""meta/stats.json of a result: nothing is dropped, and each value is that of the rows and images that it describes."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from augmentation_worker.formats.lerobot.dataset_statistics import (
    CopyStatistics,
    EpisodeStatistics,
    ResultFrames,
    stats_json,
)
from augmentation_worker.formats.lerobot.records import CopyRecord
from augmentation_worker.formats.lerobot.statistics import Aggregation, FeatureStatistics, aggregate
from tests.unit.worker.formats.lerobot.samples import TOP, fixture_metadata, fixture_table

Array = npt.NDArray[np.float64]
QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
NO_EPISODES = pa.table({"episode_index": [0, 1]})
LENGTHS = [4, 7]


def frames_of(**changes: Any) -> ResultFrames:
    """A source of two episodes of 4 and 7 frames, and two copies of each."""
    facts = {"copies": {}, "lengths": np.array([*LENGTHS, 4, 4, 7, 7]), "source": 11, "renumbered": True}
    return ResultFrames(**{**facts, **changes})


def aggregated(episodes: pa.Table, parts: int = 1) -> dict[str, FeatureStatistics]:
    statistics = EpisodeStatistics(episodes.schema)
    for start in range(0, len(episodes), -(-len(episodes) // parts)):
        statistics.add(episodes.slice(start, -(-len(episodes) // parts)))
    return dict(statistics.whole())


def result_of(
    source: dict[str, Any],
    frames: ResultFrames,
    episodes: pa.Table = NO_EPISODES,
    copies: dict[str, list[CopyRecord]] | None = None,
    kept: int = 11,
) -> dict[str, Any]:
    made = {camera: CopyStatistics(source[camera], kept, 11) for camera in copies or {}}
    for camera, of_camera in (copies or {}).items():
        for copy in of_camera:
            made[camera].add(copy)
    frames = replace(frames, copies=made)
    document: dict[str, Any] = json.loads(stats_json(aggregated(episodes), json.dumps(source).encode(), frames))
    return document


def statistics_of(values: Array, names: tuple[str, ...] = ("min", "max", "mean", "std", "count", *QUANTILES)) -> Any:
    """Those of values [rows, channels]."""
    found = {
        "min": values.min(axis=0).tolist(),
        "max": values.max(axis=0).tolist(),
        "mean": values.mean(axis=0).tolist(),
        "std": values.std(axis=0).tolist(),
        "count": [len(values)],
        **{name: np.quantile(values, share, axis=0).tolist() for name, share in QUANTILES.items()},
    }
    return {name: found[name] for name in names}


def copy_of(values: Array) -> CopyRecord:
    return CopyRecord(frames=len(values), pixel_hash="", statistics=statistics_of(values))


def test_the_samples_own_statistics_come_out_again() -> None:
    """LeRobot's recorder made meta/stats.json from the same episodes, quantiles by their mean: before lerobot#3804."""
    metadata = fixture_metadata()
    assert metadata.stats_json is not None
    expected = json.loads(metadata.stats_json)
    found = json.loads(stats_json(aggregated(fixture_table()), None, frames_of()))
    assert set(found) == set(expected)
    for feature, statistics in expected.items():
        assert set(found[feature]) == set(statistics)
        for name, values in statistics.items():
            if name in QUANTILES:
                beyond = np.array(found[feature][name]) - values
                assert ((beyond <= 1e-6) if QUANTILES[name] <= 0.5 else (beyond >= -1e-6)).all(), f"{feature}/{name}"
            else:
                np.testing.assert_allclose(found[feature][name], values, rtol=1e-6, atol=1e-9)


def test_what_only_the_whole_dataset_has_is_kept_for_rows() -> None:
    """lerobot#2189: augment_dataset_quantile_stats.py leaves quantiles in meta/stats.json only."""
    metadata = fixture_metadata()
    table = fixture_table()
    bare = table.select([name for name in table.column_names if name[-4:] not in ("/q01", "/q99")])
    source = json.loads(metadata.stats_json or b"")
    found = result_of(source, frames_of(), bare)
    for feature in ("action", "observation.state", "timestamp"):
        assert list(found[feature]) == list(source[feature])
        assert {name: found[feature][name] for name in ("q01", "q99")} == {
            name: source[feature][name] for name in ("q01", "q99")
        }


def test_a_statistic_that_some_episodes_lack_is_the_sources() -> None:
    half = pa.table({"stats/a/q01": [[1.0], None], "stats/a/min": [[0.0], [-1.0]]})
    assert result_of({"a": {"q01": [0.5], "min": [0.0]}}, frames_of(), half) == {"a": {"q01": [0.5], "min": [-1.0]}}


def test_statistics_of_images_are_those_of_originals_and_copies() -> None:
    random = np.random.default_rng(0)
    originals = random.uniform(0.2, 0.8, (11, 3))
    copies = [random.uniform(0.0, 0.1 + copy / 4, (length, 3)) for copy, length in enumerate([4, 4, 7, 7])]
    everything = statistics_of(np.concatenate([originals, *copies]))
    source = {name: np.reshape(value, (-1, 1, 1)).tolist() for name, value in statistics_of(originals).items()}
    source["count"] = [11]
    found = result_of({TOP: source}, frames_of(), copies={TOP: [copy_of(copy) for copy in copies]})[TOP]
    for name in ("min", "max", "mean", "std"):
        np.testing.assert_allclose(found[name], np.reshape(everything[name], (3, 1, 1)), err_msg=name)
    assert found["count"] == [33]
    for name, share in QUANTILES.items():
        parts = [np.quantile(part, share, axis=0) for part in (originals, *copies)]
        bound = np.min(parts, axis=0) if share <= 0.5 else np.max(parts, axis=0)
        np.testing.assert_allclose(found[name], bound.reshape(3, 1, 1), err_msg=name)


def test_in_place_the_replaced_images_count_no_longer() -> None:
    copies = {TOP: [copy_of(np.full((length, 3), 0.5)) for length in LENGTHS]}
    frames = frames_of(lengths=np.array(LENGTHS), renumbered=False)
    source = {"min": [0.0] * 3, "mean": [0.1] * 3, "q99": [1.0] * 3, "count": [11]}
    half = [0.5] * 3
    assert result_of({TOP: source}, frames, copies=copies, kept=0) == {
        TOP: {"min": half, "mean": half, "q99": half, "count": [11]}
    }


@pytest.mark.parametrize("feature", ["index", "episode_index"])
def test_indices_are_computed(feature: str) -> None:
    frames = frames_of()
    rows = {"index": np.arange(33), "episode_index": np.repeat(np.arange(6), frames.lengths)}
    column = rows[feature].astype(np.float64)[:, None]
    expected = statistics_of(column)
    if feature == "episode_index":
        expected |= {
            name: np.quantile(column, share, axis=0, method="lower").tolist() for name, share in QUANTILES.items()
        }
    found = result_of({feature: {name: [0.0] for name in expected}}, frames)[feature]
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, err_msg=name)
    in_place = frames_of(lengths=np.array(LENGTHS), renumbered=False)
    assert result_of({feature: {"mean": [5.0]}}, in_place) == {feature: {"mean": [5.0]}}


def test_gr00ts_file_gets_no_statistic_that_it_did_not_have() -> None:
    """GR00T cuts every statistic into joints, values[start:end], so that a count of one number is an IndexError."""
    metadata = fixture_metadata()
    names = ("mean", "std", "min", "max", "q01", "q99")
    source = json.loads(metadata.stats_json or b"")
    groot = {feature: {name: source[feature][name] for name in names} for feature in ("observation.state", "action")}
    found = result_of(groot, frames_of(), fixture_table())
    assert list(found) == ["observation.state", "action"]
    for statistics in found.values():
        assert tuple(statistics) == names
        for value in statistics.values():
            assert len(np.array(value)[np.arange(1, 2)]) == 1


def test_what_is_no_statistic_is_carried() -> None:
    document = {"__fingerprints__": {"arm": "sha256:00"}, "version": 3, TOP: {"note": "sRGB", "q05": [0.1] * 3}}
    copies = {TOP: [copy_of(np.zeros((11, 3)))]}
    assert result_of(document, frames_of(), copies=copies) == document


def test_the_count_of_rows_grows_with_them() -> None:
    found = result_of({"action": {"mean": [0.5], "count": [11]}}, frames_of())
    assert found == {"action": {"mean": [0.5], "count": [33]}}


def test_statistics_that_are_added_up_in_parts_are_lerobots(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit as long as they are held, beyond within 1e-12 of them."""
    random = np.random.default_rng(1)
    mean = random.normal(10.0, 1.0, (3000, 4))
    parts = {"mean": mean, "std": random.uniform(0, 1e-3, mean.shape), "min": mean - 1, "q01": mean - 0.5}
    parts["count"] = random.integers(1, 500, (3000, 1)).astype(np.float64)
    at_once = aggregate(parts)
    for held, tolerance in ((8 * 2**20, 0), (10_000, 1e-12)):
        monkeypatch.setattr("augmentation_worker.formats.lerobot.statistics.MOST_HELD_BYTES", held)
        some = Aggregation()
        for start in range(0, 3000, 70):
            some.add({name: values[start : start + 70] for name, values in parts.items()})
        found = some.whole()
        assert list(found) == list(at_once)
        for name, value in at_once.items():
            np.testing.assert_allclose(found[name], value, rtol=tolerance, atol=0, err_msg=name)


def test_episodes_in_parts_have_the_statistics_that_all_have() -> None:
    table = fixture_table()
    for feature, statistics in aggregated(table).items():
        for name, value in statistics.items():
            np.testing.assert_array_equal(aggregated(table, 4)[feature][name], value)
    lists = {"stats/a/min": [[0.0], [1.0], [2.0]], "stats/b/min": [[0.0], [1.0, 2.0], [2.0]]}
    odd = {**lists, "stats/c/min": [[0.0], [None], [1.0]], "stats/d/min": [[True], [False], [True]]}
    found = {feature: sorted(statistics) for feature, statistics in aggregated(pa.table(odd), 3).items()}
    assert found == {"a": ["min"], "b": [], "c": [], "d": ["min"]}
