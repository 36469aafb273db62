"""What the demo prints of the first augmented frame."""

from pathlib import Path
from typing import Any

import pytest

from devcluster.demo.first_frame import FirstFrame, event_seconds, pull_seconds, remembered


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ('Successfully pulled image "r/w@sha256:0" in 1m2.5s (1m2.5s including waiting). Image size: 3 bytes.', 62.5),
        ('Successfully pulled image "r/w@sha256:0" in 2.25s (2.25s including waiting). Image size: 3 bytes.', 2.25),
        ('Successfully pulled image "r/w@sha256:0" in 250ms (1s including waiting). Image size: 3 bytes.', 0.25),
        ('Container image "r/w@sha256:0" already present on machine', 0.0),
    ],
)
def test_seconds_of_a_pull_are_those_of_the_kubelets_event(message: str, seconds: float) -> None:
    assert pull_seconds(message) == seconds


def test_first_frame_is_that_of_the_first_shard() -> None:
    events = [
        {"status": "started", "timestamp": "2026-01-01T00:00:01Z"},
        {"status": "first_frame", "timestamp": "2026-01-01T00:00:04.5Z"},
        {"status": "first_frame", "timestamp": "2026-01-01T00:00:03.5Z"},
    ]
    status: dict[str, Any] = {
        "phases": [{"name": "resolve", "events": events[:1]}, {"name": "augment", "events": events}]
    }
    assert event_seconds(status, "augment", "first_frame", posted=1767225600.0) == 3.5
    assert event_seconds(status, "resolve", "first_frame", posted=1767225600.0) is None


def test_a_warm_demo_says_what_a_cold_one_took(tmp_path: Path) -> None:
    path = tmp_path / "build" / "first-frames.json"
    (cold,) = remembered(path, FirstFrame(80.0, 60.0))
    assert cold.endswith("on a node with no image of ours: 80.0 s, of which 60 s pulled images")
    earlier, warm = remembered(path, FirstFrame(9.0, 0.0))
    assert earlier == f"{cold} (an earlier demo)"
    assert warm.endswith("on a node with all images: 9.0 s")
    _, rebuilt = remembered(path, FirstFrame(7.0, 0.2))
    assert rebuilt == "POST to the first augmented frame, on a node with all images: 7.0 s"
