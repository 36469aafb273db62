"""The legend of codecs: presets from the slowest on."""

from pathlib import Path

from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.video.encoding import VideoEncoding
from benchmarks.codecs import Trial, slowest_first, time_and_size
from benchmarks.footage import Footage


def trial(preset: str, seconds: float, digest: str) -> Trial:
    encoding = VideoEncoding(VideoCodec.AV1, crf=30, preset=preset)
    return Trial(Footage("camera", []), encoding, Path("a.mp4"), seconds, 1000.0, digest)


def presets(trials: list[Trial]) -> list[str | None]:
    return [each.encoding.preset for each in trials]


def test_presets_that_wrote_the_same_bytes_come_by_their_number() -> None:
    trials = [trial("12", 3.1, "x"), trial("10", 2.9, "x"), trial("9", 3.0, "x"), trial("8", 6.0, "y")]
    assert presets(slowest_first(trials)) == ["8", "9", "10", "12"]
    assert time_and_size(trials).series[0].label == "SVT-AV1: from above 8, 9, 10, 12"


def test_presets_that_wrote_other_bytes_come_by_their_time() -> None:
    assert presets(slowest_first([trial("8", 1.0, "x"), trial("9", 2.0, "y")])) == ["9", "8"]
