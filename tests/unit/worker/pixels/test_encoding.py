import pytest

from augmentation_api.video_output import VideoOutput
from augmentation_api.vocabulary import VideoCodec, VideoProfile
from augmentation_worker.media.video.colors import ColorTags
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.properties import VideoProperties

RECORDED = {
    "video.codec": "av1",
    "video.pix_fmt": "yuv420p",
    "video.g": 4,
    "video.crf": 35,
    "video.preset": 10,
    "video.fast_decode": 1,
    "video.extra_options": {},
}


def stream(codec: str, pix_fmt: str = "yuv420p") -> VideoProperties:
    return VideoProperties(codec, pix_fmt, 64, 64, None, ColorTags())


def test_lerobots_defaults_are_the_default() -> None:
    assert VideoEncoding() == VideoEncoding(VideoCodec.AV1, crf=30, gop=2, preset="12", pix_fmt="yuv420p")
    assert VideoEncoding.like_source({}, stream("av1")) == VideoEncoding()


def test_the_recorded_encoding_is_reused() -> None:
    encoding = VideoEncoding.like_source(RECORDED, stream("av1"))
    assert encoding == VideoEncoding(VideoCodec.AV1, crf=35, gop=4, preset="10", fast_decode=1)
    assert {name: encoding.feature_info()[name] for name in RECORDED} == RECORDED
    assert encoding.options(1)["svtav1-params"] == "lp=1:fast-decode=1"


def test_unrecorded_values_are_the_codecs_defaults() -> None:
    encoding = VideoEncoding.like_source({"video.codec": "h264", "video.g": None}, stream("h264"))
    assert encoding == VideoEncoding(VideoCodec.H264, crf=23, gop=2, preset=None)


@pytest.mark.parametrize(
    ("name", "codec"), [("libsvtav1", VideoCodec.AV1), ("libx264", VideoCodec.H264), ("h265", VideoCodec.HEVC)]
)
def test_names_of_encoders_are_understood(name: str, codec: VideoCodec) -> None:
    assert VideoEncoding.like_source({"video.codec": name, "video.crf": 18}, stream(codec.value)).crf == 18


def test_the_file_takes_precedence_over_the_record() -> None:
    encoding = VideoEncoding.like_source(RECORDED, stream("hevc", "yuv444p"))
    # A record of another codec says nothing about this file's crf.
    assert encoding == VideoEncoding(VideoCodec.HEVC, crf=28, gop=2, preset=None, pix_fmt="yuv444p")


def test_a_pixel_format_that_cannot_be_written_becomes_yuv420p() -> None:
    assert VideoEncoding.like_source({}, stream("av1", "yuv444p")).pix_fmt == "yuv420p"
    assert VideoEncoding.like_source({}, stream("h264", "yuv444p10le")).pix_fmt == "yuv444p10le"


@pytest.mark.parametrize("recorded", [{}, RECORDED, {"video.codec": "vp9"}])
def test_a_codec_that_cannot_be_written_becomes_lerobots_default(recorded: dict[str, object]) -> None:
    assert VideoEncoding.like_source(recorded, stream("vp9")) == VideoEncoding()


def test_a_record_that_cannot_be_used_is_the_codecs_default() -> None:
    """LeRobot reads such datasets; presets of hardware encoders (p4) are recorded under the codec's name."""
    recorded = {"video.codec": "h264", "video.crf": "high", "video.g": 12, "video.preset": "p4", "video.fast_decode": 9}
    assert VideoEncoding.like_source(recorded, stream("h264")) == VideoEncoding(
        VideoCodec.H264, crf=23, gop=12, preset=None
    )


def test_the_spec_overrides_one_by_one() -> None:
    encoding = VideoEncoding.like_source(RECORDED, stream("av1"))
    assert encoding.overridden_by(VideoOutput()) == encoding
    assert encoding.overridden_by(VideoOutput(crf=20)).crf == 20
    assert encoding.overridden_by(VideoOutput(gop=30)).gop == 30
    assert encoding.overridden_by(VideoOutput(preset=8)).preset == "8"


def test_another_codec_starts_from_its_own_defaults() -> None:
    encoding = VideoEncoding.like_source(RECORDED, stream("av1")).overridden_by(VideoOutput(codec=VideoCodec.H264))
    assert encoding == VideoEncoding(VideoCodec.H264, crf=23, gop=4, preset=None)


def test_unsupported_values_of_a_codec_are_an_error() -> None:
    """Of the source's codec: what a spec says of a codec that it names is refused before."""
    with pytest.raises(ValueError, match=r"spec.output.video: crf is 60, but videos become h264, which takes 0 to 51"):
        VideoEncoding.default(VideoCodec.H264).overridden_by(VideoOutput(crf=60))
    with pytest.raises(ValueError, match=r"spec.output.video: preset is 4, but videos become hevc: use ultrafast, "):
        VideoEncoding.default(VideoCodec.HEVC).overridden_by(VideoOutput(preset=4))
    with pytest.raises(ValueError, match="codec source"):
        VideoEncoding(VideoCodec.SOURCE)


@pytest.mark.parametrize(
    ("codec", "preset"), [(VideoCodec.AV1, 9), (VideoCodec.H264, "veryfast"), (VideoCodec.HEVC, "ultrafast")]
)
def test_every_codec_takes_its_presets(codec: VideoCodec, preset: int | str) -> None:
    encoding = VideoEncoding().overridden_by(VideoOutput(codec=codec, preset=preset))
    assert encoding.options(1)["preset"] == str(preset)
    assert encoding.feature_info()["video.preset"] == preset


def test_like_source_is_what_a_spec_without_profile_gets() -> None:
    encoding = VideoEncoding.like_source(RECORDED, stream("av1", "yuv420p10le"))
    assert encoding.overridden_by(VideoOutput(profile=VideoProfile.LIKE_SOURCE)) == encoding


def test_fast_is_h264_that_every_decoder_takes() -> None:
    source = VideoEncoding.like_source(RECORDED, stream("av1", "yuv420p10le"))
    assert source.overridden_by(VideoOutput(profile=VideoProfile.FAST)) == VideoEncoding(
        VideoCodec.H264, crf=22, gop=2, preset="veryfast", pix_fmt="yuv420p"
    )


def test_small_keeps_the_pixel_format_that_its_codec_has() -> None:
    source = VideoEncoding.like_source(RECORDED, stream("av1", "yuv420p10le"))
    assert source.overridden_by(VideoOutput(profile=VideoProfile.SMALL)) == VideoEncoding(
        VideoCodec.AV1, crf=32, gop=10, preset="8", pix_fmt="yuv420p10le"
    )
    other = VideoEncoding.like_source({}, stream("h264", "yuv444p"))
    assert other.overridden_by(VideoOutput(profile=VideoProfile.SMALL)).pix_fmt == "yuv420p"


def test_what_is_given_itself_goes_before_the_profile() -> None:
    output = VideoOutput(profile=VideoProfile.FAST, codec=VideoCodec.AV1, crf=40, gop=5, preset=10)
    assert VideoEncoding().overridden_by(output) == VideoEncoding(VideoCodec.AV1, crf=40, gop=5, preset="10")
