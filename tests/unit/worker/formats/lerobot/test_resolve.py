from typing import Any

import pytest

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.resolve import check_cameras, check_encoding
from augmentation_worker.media.video.codecs import CODECS, Codec, canonical_codec, codec_named
from augmentation_worker.media.video.colors import ColorTags
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.properties import VideoProperties
from augmentation_worker.phases.resolve import check_type
from tests.unit.worker.formats.lerobot.samples import DEPTH, TOP, WRIST, info_document, info_of


def spec(**fields: Any) -> AugmentationJobSpec:
    return AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "lab/sample"}}, **fields})


def spellings() -> list[tuple[str, Codec]]:
    names = [(name, codec) for codec in CODECS.values() for name in (codec.name.value, *sorted(codec.synonyms))]
    return [(spelled, codec) for name, codec in names for spelled in (name, name.upper())]


@pytest.mark.parametrize(("name", "codec"), spellings())
def test_resolve_and_augment_understand_every_synonym_of_a_codec_alike(name: str, codec: Codec) -> None:
    recorded = {"video.codec": name, "video.crf": 18, "video.g": 10}
    features = info_document()["features"]
    features[TOP]["info"] = recorded
    check_encoding(spec(), info_of(features=features))
    stream = VideoProperties(codec.name, "yuv420p", 64, 64, None, ColorTags())
    for encoding in (VideoEncoding.like_source(recorded), VideoEncoding.like_source(recorded, stream)):
        assert (encoding.codec, encoding.crf, encoding.gop) == (codec.name, 18, 10)
    assert canonical_codec(name) == codec.name


def test_a_name_belongs_to_one_codec() -> None:
    names = [name for codec in CODECS.values() for name in (codec.name.value, *codec.synonyms)]
    assert len(set(names)) == len(names)
    assert codec_named("vp9") is None
    assert canonical_codec("VP9") == "vp9"


def test_the_defaults_are_supported() -> None:
    check_type(spec())
    check_cameras(spec(), info_of())
    check_encoding(spec(), info_of())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": "generative"}, ["spec.type", "generative", "deterministic"]),
    ],
)
def test_what_is_not_supported_is_named_with_what_is(fields: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(WorkerFailure) as caught:
        check_type(spec(**fields))
    assert caught.value.reason is FailureReason.SPEC_UNSUPPORTED
    assert all(word in caught.value.message for word in words)


def test_an_unknown_camera_is_answered_with_those_there_are() -> None:
    with pytest.raises(WorkerFailure) as caught:
        check_cameras(spec(augmentation={"cameras": ["front"]}), info_of())
    assert caught.value.reason is FailureReason.SELECTION_EMPTY
    assert all(word in caught.value.message for word in ["'front'", TOP, WRIST])
    assert DEPTH not in caught.value.message


def test_a_depth_camera_is_never_augmented() -> None:
    with pytest.raises(WorkerFailure, match="never changed"):
        check_cameras(spec(augmentation={"cameras": [DEPTH]}), info_of())


def test_cameras_stored_as_images_are_cameras() -> None:
    features = info_document()["features"]
    features["front"] = {"dtype": "image", "shape": [48, 64, 3]}
    features["mask"] = {"dtype": "image", "shape": [48, 64, 1]}
    info = info_of(features=features)
    for cameras in ([], ["front"], [TOP, "front"]):
        check_cameras(spec(augmentation={"cameras": cameras}), info)
    with pytest.raises(WorkerFailure, match="mask is a depth or one-channel stream"):
        check_cameras(spec(augmentation={"cameras": ["mask"]}), info)


def test_a_dataset_without_cameras_has_nothing_to_augment() -> None:
    features = {key: value for key, value in info_document()["features"].items() if value["dtype"] != "video"}
    with pytest.raises(WorkerFailure) as caught:
        check_cameras(spec(), info_of(features=features))
    assert caught.value.reason is FailureReason.SELECTION_EMPTY


@pytest.mark.parametrize(
    ("codec", "video", "words"),
    [
        ("vp9", {}, ["vp9", "spec.output.video.codec", "h264"]),
        ("h264", {"preset": 8}, ["spec.output.video.preset", "h264"]),
        ("av1", {"codec": "hevc", "crf": 60}, ["spec.output.video.crf", "60", "51"]),
    ],
)
def test_an_encoding_that_no_encoder_has_is_refused(codec: str, video: dict[str, Any], words: list[str]) -> None:
    features = info_document()["features"]
    features[TOP]["info"] = {"video.codec": codec}
    with pytest.raises(WorkerFailure) as caught:
        check_encoding(spec(output={"video": video}), info_of(features=features))
    assert caught.value.reason is FailureReason.SPEC_UNSUPPORTED
    assert all(word in caught.value.message for word in words)


def test_frames_of_odd_size_are_refused_for_a_codec_that_needs_even_ones() -> None:
    features = info_document()["features"]
    features[TOP]["shape"] = [225, 224, 3]
    with pytest.raises(WorkerFailure, match="224x225 pixels, and h264 needs even sizes"):
        check_encoding(spec(output={"video": {"codec": "h264"}}), info_of(features=features))
    check_encoding(spec(), info_of(features=features))


def test_a_codec_that_cannot_be_written_is_fine_where_another_is_asked_for_or_its_camera_left_alone() -> None:
    features = info_document()["features"]
    features[TOP]["info"] = {"video.codec": "vp9"}
    check_encoding(spec(output={"video": {"codec": "av1"}}), info_of(features=features))
    check_encoding(spec(augmentation={"cameras": [WRIST]}), info_of(features=features))
