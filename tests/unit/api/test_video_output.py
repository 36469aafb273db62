"""spec.output.video: presets of every codec, and profiles."""

from typing import Any

import pytest
from pydantic import ValidationError

from augmentation_api import AugmentationJobSpec
from augmentation_api.model import findings_of
from augmentation_api.video_output import CODEC_PRESETS, MAX_CRF, VideoOutput
from augmentation_api.vocabulary import VideoCodec, VideoProfile

CODECS = (VideoCodec.AV1, VideoCodec.H264, VideoCodec.HEVC)


def refusal_of(video: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "lab/kitchen"}}, "output": {"video": video}})
    return "; ".join(findings_of(caught.value))


@pytest.mark.parametrize(("given", "kept"), [(12, 12), ("12", 12), (0, 0), ("veryfast", "veryfast")])
def test_a_preset_is_a_number_or_a_name(given: object, kept: object) -> None:
    assert VideoOutput.model_validate({"preset": given}).to_wire()["preset"] == kept


@pytest.mark.parametrize("unknown", [14, -1, "p4", "VERYFAST", True, 1.5, "", ["medium"]])
def test_an_unknown_preset_is_refused_with_all_there_are(unknown: object) -> None:
    said = refusal_of({"preset": unknown})
    assert said.startswith(f"output.video.preset: {unknown} is a preset of no encoder: use 0 to 13 (av1), ultrafast, ")


@pytest.mark.parametrize(
    ("video", "words"),
    [
        ({"codec": "h264", "preset": 12}, "preset is 12, but videos become h264: use ultrafast, superfast, "),
        (
            {"codec": "av1", "preset": "medium"},
            "preset is medium, but videos become av1: use 0 to 13, or another codec",
        ),
        ({"profile": "fast", "preset": 12}, "preset is 12, but videos become h264"),
        ({"profile": "small", "preset": "slow"}, "preset is slow, but videos become av1"),
        ({"codec": "hevc", "crf": 52}, "crf is 52, but videos become hevc, which takes 0 to 51"),
    ],
)
def test_what_the_named_codec_does_not_have_is_refused(video: dict[str, Any], words: str) -> None:
    assert words in refusal_of(video)


@pytest.mark.parametrize("video", [{"preset": 12}, {"preset": "slow"}, {"crf": 63}, {"profile": "like-source"}])
def test_what_depends_on_the_source_is_left_to_resolve(video: dict[str, Any]) -> None:
    assert VideoOutput.model_validate(video).named_codec is None


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("profile", [VideoProfile.FAST, VideoProfile.SMALL])
def test_a_profile_has_settings_of_every_codec(profile: VideoProfile, codec: VideoCodec) -> None:
    settings = VideoOutput(profile=profile, codec=codec).settings(codec)
    assert settings is not None
    assert settings.preset in CODEC_PRESETS[codec]
    assert 0 <= settings.crf <= MAX_CRF[codec]
    assert 1 <= settings.gop <= 10, "random access decodes every frame since the last key frame"


def test_a_profile_chooses_the_codec_unless_it_is_named() -> None:
    assert VideoOutput(profile=VideoProfile.FAST).named_codec is VideoCodec.H264
    assert VideoOutput(profile=VideoProfile.SMALL).named_codec is VideoCodec.AV1
    assert VideoOutput(profile=VideoProfile.FAST, codec=VideoCodec.HEVC).named_codec is VideoCodec.HEVC
    assert VideoOutput(profile=VideoProfile.LIKE_SOURCE).settings(VideoCodec.AV1) is None


def test_a_spec_that_says_nothing_of_videos_is_written_as_it_always_was() -> None:
    assert VideoOutput().to_wire() == {"codec": "source", "encoder": "auto"}
