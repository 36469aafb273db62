"""Whole episodes are measured on light footage and on heavy, and both are said first."""

import pytest

from benchmarks import augment_video
from benchmarks.augment_video import (
    ARM,
    CAMERA,
    DECODING,
    FLOOR,
    FOUR_STACKED,
    PLAIN,
    PYAV,
    SCENE,
    Episode,
    Spent,
    figures_of,
    footage,
    speed_against,
    take_turns,
)
from benchmarks.footage import generated_footage


def episode(codec: str, shown: str, source_kib: float, worker: float) -> Episode:
    seconds = {DECODING: 1, FLOOR: 10, FOUR_STACKED: worker, PYAV: 11, PLAIN: 40}
    return Episode(codec, shown, source_kib, 2.5, 1000, {name: [Spent(each, each)] for name, each in seconds.items()})


EPISODES = [
    episode("AV1, preset 12", CAMERA, 4.04, 12.5),
    episode("AV1, preset 12", SCENE, 73.1, 11),
    episode("H.264, x264's veryfast", CAMERA, 4.04, 16),
    episode("H.264, x264's veryfast", SCENE, 73.1, 12.5),
]


def test_headline_and_tables_are_of_both_kinds_of_footage() -> None:
    figures = figures_of(EPISODES, [], 96, 3, short=False)
    assert figures.notes[0] == (
        "Of the speed of decoding and encoding alone, the worker reaches with four transforms stacked on camera "
        "footage 0.80 (AV1) and 0.62 (H.264), PyAV without transforms 0.91 (AV1) and 0.91 (H.264), plain torchvision "
        "0.25 (AV1) and 0.25 (H.264); on a generated scene 0.91 (AV1) and 0.80 (H.264), PyAV without transforms 0.91 "
        "(AV1) and 0.91 (H.264), plain torchvision 0.25 (AV1) and 0.25 (H.264)."
    )
    assert figures.notes[1].startswith("4.0 KiB a frame (camera footage) and 73.1 KiB a frame (a generated scene)")
    assert [table.title for table in figures.tables][:2] == [
        "Whole episodes as AV1, preset 12, camera footage: 2.5 KiB a frame with the four stacked, the source's 4.0",
        "Whole episodes as AV1, preset 12, a generated scene: 2.5 KiB a frame with the four stacked, the source's 73.1",
    ]
    assert "cut to 4:3 and scaled" in figures.what


def test_bars_add_up_to_what_a_frame_costs() -> None:
    plot = figures_of(EPISODES, [], 96, 3, short=False).plots[0]
    bar = list(plot.x.values).index("H.264, camera footage: the worker")
    assert len(plot.x.values) == 16
    assert [series.values[bar] for series in plot.series] == [1, 9, 6]


def test_variants_take_turns_and_some_have_fewer() -> None:
    turns: list[str] = []
    variants = {name: lambda name=name: turns.append(name) for name in "abc"}
    spent = take_turns(variants, 3, {"b": 1})
    assert {name: len(runs) for name, runs in spent.items()} == {"a": 3, "b": 1, "c": 3}
    assert turns == list("abccaac")


def test_a_ratio_is_that_of_rounds_not_of_a_round_that_had_luck() -> None:
    floor = [Spent(clock, 2 * clock) for clock in (1.0, 1.6, 0.8)]
    worker = [Spent(clock, 2 * clock) for clock in (1.25, 2.0, 1.25)]
    assert speed_against(floor, worker) == Spent(0.8, 0.8)
    assert speed_against(floor, worker[:1]) == Spent(0.8, 0.8)


def test_generated_arm_stands_in_where_there_is_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment_video, "camera_footage", lambda frames: None)
    made = footage(2)
    assert list(made) == [ARM, SCENE]
    assert {frames.shape for frames in made.values()} == {(2, 3, 480, 640)}


@pytest.mark.parametrize(("height", "width", "cut"), [(68, 160, "90x68"), (160, 64, "64x48")])
def test_footage_is_cut_to_the_aspect_ratio_and_scaled(height: int, width: int, cut: str) -> None:
    fitted = generated_footage(2, height, width).fitted(120, 160)
    assert fitted.name == f"generated, {width}x{height}, cut to {cut} and scaled to 160x120"
    assert fitted.pixels().shape == (2, 3, 120, 160)
