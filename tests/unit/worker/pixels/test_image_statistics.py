import numpy as np
import pytest
import torch

from augmentation_worker.media.image_statistics import (
    QUANTILES,
    ImageStatistics,
    ImageStatisticsCollector,
    sampled_frames,
    thinning_step,
)


def collected(frames: torch.Tensor, batch_size: int = 7) -> ImageStatistics:
    collector = ImageStatisticsCollector(len(frames))
    for first in range(0, len(frames), batch_size):
        collector.add(frames[first : first + batch_size].numpy(), first)
    return collector.result()


def scene(frames: int, height: int, width: int) -> torch.Tensor:
    """Frames whose values are unevenly spread, other in each channel."""
    generator = np.random.default_rng(2)
    values = generator.gamma(shape=4.0, scale=18.0, size=(frames, 3, height, width))
    values += np.array([0, 20, 60]).reshape(3, 1, 1)
    return torch.from_numpy(values.clip(0, 255).astype(np.uint8))


def lerobot_quantile(values: np.ndarray, share: float) -> float:
    """LeRobot's definition: 5000 bins over the values' range, linear inside the bin that the share falls into."""
    edges = np.linspace(values.min() - 1e-10, values.max() + 1e-10, 5001)
    cumulative = np.cumsum(np.histogram(values, bins=edges)[0])
    index = int(np.searchsorted(cumulative, share * values.size))
    if index == 0:
        return float(edges[0])
    inside = cumulative[index] - cumulative[index - 1]
    return float(
        edges[index] + (share * values.size - cumulative[index - 1]) / inside * (edges[index + 1] - edges[index])
    )


def test_statistics_equal_numpys() -> None:
    frames = scene(40, 30, 50)
    statistics = collected(frames)
    for channel, pixels in enumerate(frames.double().div(255).numpy().transpose(1, 0, 2, 3)):
        assert statistics.min[channel] == pixels.min()
        assert statistics.max[channel] == pixels.max()
        assert statistics.mean[channel] == pytest.approx(pixels.mean(), abs=1e-12)
        assert statistics.std[channel] == pytest.approx(pixels.std(), abs=1e-12)
        for name, share in QUANTILES.items():
            expected = np.quantile(pixels, share, method="inverted_cdf")
            assert getattr(statistics, name)[channel] == pytest.approx(expected, abs=1e-12), name


def test_quantiles_are_lerobots_within_one_of_its_bins() -> None:
    frames = scene(40, 30, 50)
    statistics = collected(frames)
    for channel in range(3):
        values = frames[:, channel].numpy().ravel().astype(np.float64)
        bin_width = (values.max() - values.min()) / 5000
        for name, share in QUANTILES.items():
            ours = 255 * getattr(statistics, name)[channel]
            assert abs(ours - lerobot_quantile(values, share)) <= bin_width + 1e-9, name


@pytest.mark.parametrize(
    ("frames", "samples"), [(1, 1), (68, 68), (100, 100), (300, 100), (1000, 177), (5000, 594), (300_000, 10_000)]
)
def test_as_many_frames_are_sampled_as_by_lerobot(frames: int, samples: int) -> None:
    sampled = sampled_frames(frames)
    assert len(sampled) == len(set(sampled.tolist())) == samples
    assert sampled[0] == 0
    assert sampled[-1] == frames - 1


@pytest.mark.parametrize(
    ("height", "width", "step"), [(224, 224, 1), (299, 200, 1), (300, 300, 2), (480, 640, 4), (1080, 1920, 12)]
)
def test_large_frames_are_thinned_as_by_lerobot(height: int, width: int, step: int) -> None:
    assert thinning_step(height, width) == step


def test_only_sampled_frames_and_thinned_pixels_count() -> None:
    frames = torch.full((300, 3, 4, 320), 10, dtype=torch.uint8)
    frames[:, :, :, ::2] = 50  # every second column is what is left of 320
    skipped = sorted(set(range(300)) - set(sampled_frames(300).tolist()))
    frames[skipped] = 255
    statistics = collected(frames, batch_size=64)
    assert statistics.min == statistics.max == (50 / 255,) * 3
    assert statistics.count == 100


def test_the_batches_do_not_matter() -> None:
    frames = scene(150, 12, 12)
    assert collected(frames, 1) == collected(frames, 64) == collected(frames, 150)


def test_metadata_is_shaped_as_lerobot_wants_it() -> None:
    stats = collected(scene(5, 8, 8)).to_feature_stats()
    assert list(stats) == ["min", "max", "mean", "std", *QUANTILES, "count"]
    assert all(np.array(stats[name]).shape == (3, 1, 1) for name in stats if name != "count")
    assert stats["count"] == [5]


def test_one_frame_is_enough() -> None:
    assert collected(scene(1, 8, 8)).count == 1


def test_missing_frames_are_an_error() -> None:
    collector = ImageStatisticsCollector(10)
    collector.add(scene(9, 8, 8).numpy(), 0)
    with pytest.raises(ValueError, match="10 sampled frames, 9"):
        collector.result()


def test_statistics_agree_with_what_lerobot_recorded(sample) -> None:  # type: ignore[no-untyped-def]
    # LeRobot saw the frames before they were encoded, we see them after: white paper is no longer quite white, and
    # thin coloured lines have lost half of their chroma.
    for episode, recorded in enumerate(sample.statistics):
        ours = collected(sample.episode_frames(episode)).to_feature_stats()
        assert ours["count"] == recorded["count"].tolist()
        for name, tolerance in {"mean": 0.006, "std": 0.02, "q50": 0.008, "q90": 0.008}.items():
            assert np.abs(np.array(ours[name]) - recorded[name]).max() <= tolerance, (episode, name)
