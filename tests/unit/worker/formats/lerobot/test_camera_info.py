"""What info.json of a result says of an augmented camera."""

from typing import Any

from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.formats.lerobot.camera_info import changed_feature
from augmentation_worker.media.video.encoding import VideoEncoding

SIZE = {"video.height": 48, "video.width": 64}
FEATURE: dict[str, Any] = {
    "dtype": "video",
    "shape": [48, 64, 3],
    "names": ["height", "width", "channels"],
    "info": {
        "video.height": 48,
        "video.width": 64,
        "video.codec": "libx264",
        "video.pix_fmt": "yuvj420p",
        "video.fps": 10,
        "video.channels": 3,
        "video.g": 2,
        "video.crf": None,
        "video.preset": "veryfast",
        "video.extra_options": {"tune": "film"},
        "has_audio": False,
        "is_depth_map": False,
    },
}
LIKE_SOURCE = VideoEncoding(VideoCodec.H264, crf=23, gop=2, preset="veryfast")


def info(feature: dict[str, Any], encoding: VideoEncoding = LIKE_SOURCE, place: str = "info") -> dict[str, Any]:
    changed: dict[str, Any] = changed_feature(feature, {**encoding.feature_info(), **SIZE})[place]
    return changed


def test_what_is_true_stays_as_it_is_written() -> None:
    said = FEATURE["info"]
    assert info(FEATURE) == {**said, "video.extra_options": {}}
    assert list(info(FEATURE)) == list(said)
    assert changed_feature(FEATURE, {**LIKE_SOURCE.feature_info(), **SIZE})["shape"] == FEATURE["shape"]


def test_another_codec_is_said_with_all_of_its_numbers() -> None:
    changed = info(FEATURE, VideoEncoding())
    assert [changed[f"video.{name}"] for name in ("codec", "pix_fmt", "g", "crf", "preset")] == [
        "av1", "yuv420p", 2, 30, 12
    ]  # fmt: skip
    assert changed["video.fps"] == 10
    bare = info({**FEATURE, "info": None}, VideoEncoding())
    assert bare == {name: changed[name] for name in bare}
    assert len(bare) == 5


def test_numbers_that_the_spec_changes_are_said_where_they_were() -> None:
    changed = info(FEATURE, VideoEncoding(VideoCodec.H264, crf=18, gop=30, preset="veryfast"))
    assert (changed["video.g"], changed["video.crf"]) == (30, None)  # null says that it is not one number for all files
    old = {**FEATURE, "info": {"video.codec": "h264"}}
    assert info(old) == {"video.codec": "h264"}


def test_older_datasets_say_it_under_another_name() -> None:
    older = {name: value for name, value in FEATURE.items() if name != "info"}
    older["video_info"] = {"video.codec": "mpeg4", "video.fps": 10.0}
    changed = changed_feature(older, {**VideoEncoding().feature_info(), **SIZE})
    assert "info" not in changed
    assert (changed["video_info"]["video.codec"], changed["video_info"]["video.crf"]) == ("av1", 30)


def test_a_wrong_size_and_format_are_corrected() -> None:
    wrong = {**FEATURE, "shape": [480, 640, 3], "info": {**FEATURE["info"], "video.height": 480, "video.channels": 4}}
    changed = changed_feature(wrong, {**LIKE_SOURCE.feature_info(), **SIZE})
    assert changed["shape"] == [48, 64, 3]
    assert (changed["info"]["video.height"], changed["info"]["video.channels"]) == (48, 3)
    ten_bits = VideoEncoding(VideoCodec.HEVC, crf=28, preset=None, pix_fmt="yuv420p10le")
    assert info(wrong, ten_bits)["video.pix_fmt"] == "yuv420p10le"


def test_an_image_camera_gets_no_info() -> None:
    feature = {"dtype": "image", "shape": [3, 480, 640], "names": None}
    assert changed_feature(feature, SIZE) == {**feature, "shape": [3, 48, 64]}
