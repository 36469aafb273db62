import pytest

from augmentation_api.spec import VideoOutput
from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.video.colors import ColorTags
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.properties import VideoProperties

RECORDED = {
    "video.codec": "av1",
    "video.pix_fmt": "yuv420p",
    "video.g": 4,
    "video.crf": 35,
    "video.preset": 10,
    "video.extra_options": {},
}


def stream(codec: str, pix_fmt: str = "yuv420p") -> VideoProperties:
    return VideoProperties(codec, pix_fmt, 64, 64, None, ColorTags())


def test_lerobots_defaults_are_the_default() -> None:
    assert VideoEncoding() == VideoEncoding(VideoCodec.AV1, crf=30, gop=2, preset="12", pix_fmt="yuv420p")
    assert VideoEncoding.like_source({}) == VideoEncoding()


def test_the_recorded_encoding_is_reused() -> None:
    encoding = VideoEncoding.like_source(RECORDED)
    assert encoding == VideoEncoding(VideoCodec.AV1, crf=35, gop=4, preset="10")
    assert {**RECORDED, **encoding.feature_info()} == RECORDED


def test_unrecorded_values_are_the_codecs_defaults() -> None:
    encoding = VideoEncoding.like_source({"video.codec": "h264", "video.g": None})
    assert encoding == VideoEncoding(VideoCodec.H264, crf=23, gop=2, preset=None)


@pytest.mark.parametrize(
    ("name", "codec"), [("libsvtav1", VideoCodec.AV1), ("libx264", VideoCodec.H264), ("h265", VideoCodec.HEVC)]
)
def test_names_of_encoders_are_understood(name: str, codec: VideoCodec) -> None:
    assert VideoEncoding.like_source({"video.codec": name}).codec is codec


def test_the_file_takes_precedence_over_the_record() -> None:
    encoding = VideoEncoding.like_source(RECORDED, stream("hevc", "yuv444p"))
    # A record of another codec says nothing about this file's crf.
    assert encoding == VideoEncoding(VideoCodec.HEVC, crf=28, gop=2, preset=None, pix_fmt="yuv444p")


def test_a_pixel_format_that_cannot_be_written_becomes_yuv420p() -> None:
    assert VideoEncoding.like_source({}, stream("av1", "yuv444p")).pix_fmt == "yuv420p"
    assert VideoEncoding.like_source({"video.codec": "h264", "video.pix_fmt": "yuvj420p"}).pix_fmt == "yuv420p"


def test_a_codec_that_cannot_be_written_asks_for_another() -> None:
    with pytest.raises(ValueError, match=r"codec vp9 cannot be written: set output.video.codec to av1, h264, hevc"):
        VideoEncoding.like_source({"video.codec": "vp9"})


def test_a_record_that_is_not_a_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="records an encoding"):
        VideoEncoding.like_source({"video.crf": "high"})


def test_the_spec_overrides_one_by_one() -> None:
    encoding = VideoEncoding.like_source(RECORDED)
    assert encoding.overridden_by(VideoOutput()) == encoding
    assert encoding.overridden_by(VideoOutput(crf=20)).crf == 20
    assert encoding.overridden_by(VideoOutput(gop=30)).gop == 30
    assert encoding.overridden_by(VideoOutput(preset=8)).preset == "8"


def test_another_codec_starts_from_its_own_defaults() -> None:
    encoding = VideoEncoding.like_source(RECORDED).overridden_by(VideoOutput(codec=VideoCodec.H264))
    assert encoding == VideoEncoding(VideoCodec.H264, crf=23, gop=4, preset=None)


def test_unsupported_values_of_a_codec_are_an_error() -> None:
    with pytest.raises(ValueError, match="crf 60: h264 takes 0 to 51"):
        VideoEncoding().overridden_by(VideoOutput(codec=VideoCodec.H264, crf=60))
    with pytest.raises(ValueError, match="preset is SVT-AV1's"):
        VideoEncoding().overridden_by(VideoOutput(codec=VideoCodec.HEVC, preset=4))
    with pytest.raises(ValueError, match="codec source"):
        VideoEncoding(VideoCodec.SOURCE)
