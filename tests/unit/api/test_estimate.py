"""The model of what a job takes: against what was measured, and in the directions in which everything has to go."""

import re
from dataclasses import replace
from typing import Any

import pytest

from augmentation_api import AugmentationJobSpec
from augmentation_api.augmentation_class import AugmentationClassSpec
from augmentation_api.estimate import FIGURES, Estimate, Work, estimate, stand_ins_of, work_of
from augmentation_api.estimate.figures import Measurement
from augmentation_api.status import SourceStatus, StreamStatus
from augmentation_api.transforms import TransformName

CLOSE = 0.3
"""How far from what was measured the model may be."""
CLOSE_BYTES = 0.45
"""The same of bytes: what noise adds depends on what is shown, and is least for PushT's white background."""
WHOLE_JOBS = [each for each in FIGURES.measurements if "class" in each.work]
EPISODES = [each for each in FIGURES.measurements if "class" not in each.work]


def spec_of(**fields: Any) -> AugmentationJobSpec:
    return AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "a/b"}}, **fields})


def source_of(**changes: Any) -> SourceStatus:
    stream = {"codec": "av1", "height": 480, "width": 640, "bytesPerFrame": 5000, **changes.pop("stream", {})}
    known = {"selectedFrames": 30_000, "selectedEpisodes": 100, "episodes": 100, "maxShards": 100, "cameras": ["top"]}
    return SourceStatus.model_validate({**known, "streams": [stream], **changes})


def work(source: SourceStatus | None = None, **fields: Any) -> Work:
    found = work_of(spec_of(**fields), source or source_of(), FIGURES)
    assert found is not None
    return found


def seconds(**augmentation: Any) -> float:
    return work(augmentation=augmentation).processor_seconds


def estimated(runs_as: dict[str, Any], source: SourceStatus | None = None, **fields: Any) -> Estimate:
    of_class = AugmentationClassSpec.model_validate({"image": "worker", **runs_as})
    found = estimate(spec_of(**fields), source or source_of(), of_class, FIGURES)
    assert found is not None
    return found


@pytest.mark.parametrize("measured", EPISODES, ids=lambda each: each.title)
def test_model_is_near_to_measured_episodes(measured: Measurement) -> None:
    found = work_of(
        AugmentationJobSpec.model_validate(measured.work["spec"]),
        SourceStatus.model_validate(measured.work["source"]),
        FIGURES,
    )
    assert found is not None
    assert found.processor_seconds == pytest.approx(measured.seconds, rel=CLOSE)
    assert measured.bytes is not None
    assert found.bytes == pytest.approx(measured.bytes, rel=CLOSE_BYTES)


@pytest.mark.parametrize("measured", WHOLE_JOBS, ids=lambda each: each.title)
def test_model_is_near_to_measured_jobs(measured: Measurement) -> None:
    found = estimate(
        AugmentationJobSpec.model_validate(measured.work["spec"]),
        SourceStatus.model_validate(measured.work["source"]),
        AugmentationClassSpec.model_validate(measured.work["class"]),
        FIGURES,
    )
    assert found is not None
    assert found.at(0).seconds == pytest.approx(measured.seconds, rel=CLOSE)


def test_every_transform_and_codec_has_figures_with_their_provenance() -> None:
    assert {*FIGURES.transforms} == {*TransformName}
    assert {*FIGURES.codecs} == {"av1", "h264", "hevc", "png", "jpeg"}
    assert EPISODES and WHOLE_JOBS, "there is something to compare with"
    for each in (FIGURES.provenance, FIGURES.job_provenance, *(every.provenance for every in FIGURES.measurements)):
        assert each.command and each.machine and each.date


def test_twice_as_much_takes_twice_as_long() -> None:
    one, two = work(), work(source_of(selectedFrames=60_000, selectedEpisodes=200))
    assert two.processor_seconds == pytest.approx(2 * one.processor_seconds)
    assert two.bytes == pytest.approx(2 * one.bytes, abs=2)
    cameras = work(source_of(stream={"cameras": 2}))
    assert cameras.processor_seconds == pytest.approx(2 * one.processor_seconds)
    assert (cameras.frames, cameras.images) == (one.frames, 2 * one.images)


def test_decoding_is_paid_once_for_all_copies() -> None:
    assert seconds(copies=1) < seconds(copies=4) < 4 * seconds(copies=1)


def test_every_transform_takes_time() -> None:
    """What they do to the bytes counts too: after a blur, encoding saves more than the blur takes."""
    assert all(each.cost.of_frame(0.3) > 0 for each in FIGURES.transforms.values())
    alone = seconds(transforms=["lighting"])
    assert seconds(transforms=["lighting", "perspective"]) > seconds(transforms=["lighting", "noise"]) > alone


def test_blur_removes_what_noise_before_it_has_added() -> None:
    def size(*transforms: str) -> int:
        return work(augmentation={"copies": 1, "transforms": [*transforms]}).bytes

    assert size("blur") < size("noise", "blur") < size("noise") / 3 < size("blur", "noise")
    assert size("noise", "occlusion") > size("noise")


def test_copies_that_are_encoded_alike_take_the_bytes_of_the_source_and_noise_takes_more() -> None:
    like_source = work(augmentation={"copies": 1})
    assert like_source.bytes == pytest.approx(30_000 * 5000, rel=0.1)
    assert work(augmentation={"copies": 1, "transforms": ["noise"]}).bytes > 1.2 * like_source.bytes


@pytest.mark.parametrize(
    ("video", "faster", "smaller"),
    [
        ({"profile": "fast"}, True, None),
        # Slower presets and fewer key frames: on some footage it takes longer, on some it does not.
        ({"profile": "small"}, None, True),
        ({"crf": 40}, True, True),
        ({"crf": 20}, False, False),
        ({"gop": 30}, True, True),
        ({"preset": 8}, False, True),
    ],
)
def test_encoding_that_is_asked_for_counts(video: dict[str, Any], faster: bool | None, smaller: bool | None) -> None:
    before, after = work(), work(output={"video": video})
    assert faster is None or (after.processor_seconds < before.processor_seconds) is faster
    assert smaller is None or (after.bytes < before.bytes) is smaller


def test_presets_that_were_not_measured_are_as_the_nearest() -> None:
    assert work(output={"video": {"preset": 13}}) == work(output={"video": {"preset": 12}})
    superfast = work(output={"video": {"codec": "h264", "preset": "superfast"}}).processor_seconds
    ultrafast = work(output={"video": {"codec": "h264", "preset": "ultrafast"}}).processor_seconds
    assert superfast == ultrafast


@pytest.mark.parametrize(
    ("video", "stand_in"),
    [
        (
            {"codec": "h264", "preset": "veryslow"},
            "Preset veryslow of h264 .* those of medium, which is faster, .*long",
        ),
        ({"codec": "h264", "preset": "superfast"}, "Preset superfast of h264 .* those of ultrafast, which is faster"),
        ({"codec": "hevc", "preset": "veryfast"}, "Preset veryfast of hevc .* those of ultrafast, which is faster"),
        ({"codec": "hevc", "preset": "fast"}, "Preset fast of hevc .* those of medium, which is slower"),
        ({"preset": 4}, "Preset 4 of av1 .* those of 8, which is faster"),
        ({"preset": 9}, "Preset 9 of av1 .* those of 8, which is slower"),
        ({"gop": 1}, "A gop of 1 .* those of 2, which is faster"),
        ({"gop": 250}, "A gop of 250 .* those of 30, which is slower"),
    ],
)
def test_what_was_not_measured_is_named_with_its_stand_in(video: dict[str, Any], stand_in: str) -> None:
    (found,) = stand_ins_of(spec_of(output={"video": video}), source_of(), FIGURES)
    assert re.match(stand_in, found), found


@pytest.mark.parametrize(
    ("video", "stream"),
    [
        ({}, {}),
        ({}, {"preset": "p4"}),
        ({}, {"codec": "png"}),
        ({"preset": 8}, {}),
        # The encoder writes the same bytes with them as with 12.
        ({"preset": 11}, {}),
        ({"preset": 13}, {}),
        ({"codec": "h264", "preset": "medium"}, {"preset": "4"}),
        ({"profile": "fast"}, {}),
        ({"profile": "small"}, {}),
        ({"gop": 2}, {}),
        ({"gop": 20}, {}),
        ({"gop": 30}, {}),
    ],
)
def test_what_was_measured_has_no_stand_in(video: dict[str, Any], stream: dict[str, Any]) -> None:
    assert stand_ins_of(spec_of(output={"video": video}), source_of(stream=stream), FIGURES) == []


@pytest.mark.parametrize(("codec", "counted"), [("vp9", "av1"), ("mpeg4", "av1"), ("webp", "png"), ("bmp", "png")])
def test_codec_of_the_source_that_was_not_measured_is_named_with_its_stand_in(codec: str, counted: str) -> None:
    (found,) = stand_ins_of(spec_of(), source_of(stream={"codec": codec}), FIGURES)
    assert found.startswith(f"The codec {codec} has not been measured: figures are those of {counted}, which")


def test_stand_in_for_how_the_source_is_encoded_is_named_once() -> None:
    stream = {"codec": "av1", "height": 480, "width": 640, "bytesPerFrame": 5000, "preset": "2"}
    found = stand_ins_of(spec_of(), source_of(streams=[stream, {**stream, "height": 240}]), FIGURES)
    assert len(found) == 1 and "Preset 2 of av1" in found[0]


@pytest.mark.parametrize("codec", ["vp9", "mpeg4", "webp", "png", "jpeg", "hevc", "h264"])
def test_every_source_has_an_estimate(codec: str) -> None:
    found = work(source_of(stream={"codec": codec}))
    assert found.processor_seconds > 0
    assert found.bytes > 0


def test_choice_of_some_transforms_and_lists_of_cameras_are_averaged() -> None:
    both = seconds(transforms=["noise", "jpeg"])
    assert seconds(transforms=["noise", "jpeg"], choose=1) < both
    own = {"perCamera": [{"camera": "top", "transforms": ["lighting"]}]}
    assert seconds(transforms=["noise", "jpeg"], **own) == pytest.approx(seconds(transforms=["lighting"]))
    independent = work(augmentation={"mode": "independent", "transforms": ["noise", "jpeg"]})
    assert independent.frames == 60_000
    preset = work(augmentation={"preset": "lerobot-default", "copies": 1})
    assert preset.processor_seconds < work(augmentation={"preset": "pi05", "copies": 1}).processor_seconds * 2


def test_source_of_which_little_is_known_has_none() -> None:
    assert work_of(spec_of(), source_of(streams=None), FIGURES) is None
    assert work_of(spec_of(), SourceStatus(streams=source_of().streams), FIGURES) is None


CORES = {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "4"}}, "framesPerShard": 30_000}


def test_time_is_divided_by_cores_speed_and_pods() -> None:
    fast = {"name": "fast", "relativeSpeed": 2}
    slow, twice = estimated({**CORES, "placements": [{"name": "slow"}, fast]}).nodes
    begin = slow.seconds - 2 * (slow.seconds - twice.seconds)
    assert begin == pytest.approx(FIGURES.job.start * 3 + 6, rel=0.6), "what does not depend on the cores"
    assert slow.seconds_at_most is not None
    assert slow.seconds_at_most - begin == pytest.approx(2 * (slow.seconds - begin), rel=0.01)
    three = estimated(CORES, augmentation={"copies": 3}, parallelism=3)
    one = estimated(CORES, augmentation={"copies": 3}, parallelism=1)
    assert (three.shards, three.nodes[0].pods, one.nodes[0].pods) == (3, 3, 1)
    assert three.nodes[0].augment_seconds < one.nodes[0].augment_seconds / 2
    assert three.nodes[0].pod_hours == pytest.approx(one.nodes[0].pod_hours, rel=0.05)


def test_price_is_that_of_the_pods_hours() -> None:
    free, paid = estimated({**CORES, "placements": [{"name": "a"}, {"name": "b", "pricePerHour": 0.5}]}).nodes
    assert free.price is None
    assert paid.price == pytest.approx(0.5 * paid.pod_hours)


def test_x264_keeps_no_more_cores_busy_than_there_are_copies() -> None:
    many = {"resources": {"limits": {"cpu": "64"}}}
    h264 = {"video": {"codec": "h264"}}
    of_64 = estimated(many, augmentation={"copies": 2}, output=h264).nodes[0].augment_seconds
    of_3 = estimated({"resources": {"limits": {"cpu": "3"}}}, augmentation={"copies": 2}, output=h264)
    assert of_64 == of_3.nodes[0].augment_seconds


def test_estimate_of_fixed_shards_keeps_them() -> None:
    of_class = AugmentationClassSpec.model_validate({"image": "worker"})
    found = estimate(spec_of(), source_of(), of_class, FIGURES, shards=7)
    assert found is not None and found.shards == 7
    assert found.at(0) == found.at(5), "placements that were removed since count as the last one"


def test_figures_that_are_slower_give_longer_estimates() -> None:
    slower = replace(FIGURES, overhead=2 * FIGURES.overhead)
    found = work_of(spec_of(), source_of(), slower)
    assert found is not None
    assert found.processor_seconds == pytest.approx(2 * work().processor_seconds)


def test_stream_is_described_in_full() -> None:
    assert StreamStatus.model_validate({"codec": "av1", "height": 1, "width": 1, "bytesPerFrame": 0}).cameras == 1
