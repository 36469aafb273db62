from typing import Any

import pytest

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.camera_check import camera_warnings, check_cameras
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.video_check import encoding_of
from augmentation_worker.media.video.codecs import CODECS, Codec, canonical_codec, codec_named
from augmentation_worker.media.video.colors import ColorTags
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.properties import VideoProperties
from augmentation_worker.phases.resolve import check_type
from tests.unit.worker.formats.lerobot.samples import DEPTH, TOP, WRIST, episode_rows, info_document, metadata_of


def spec(**fields: Any) -> AugmentationJobSpec:
    return AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "lab/sample"}}, **fields})


def metadata(**changes: Any) -> DatasetMetadata:
    return metadata_of(episode_rows([1]), **changes)


def stream(codec: str) -> VideoProperties:
    return VideoProperties(codec, "yuv420p", 64, 64, None, ColorTags())


def spellings() -> list[tuple[str, Codec]]:
    names = [(name, codec) for codec in CODECS.values() for name in (codec.name.value, *sorted(codec.synonyms))]
    return [(spelled, codec) for name, codec in names for spelled in (name, name.upper())]


@pytest.mark.parametrize(("name", "codec"), spellings())
def test_every_synonym_of_a_codec_is_understood(name: str, codec: Codec) -> None:
    recorded = {"video.codec": name, "video.crf": 18, "video.g": 10}
    encoding = VideoEncoding.like_source(recorded, stream(codec.name))
    assert (encoding.codec, encoding.crf, encoding.gop) == (codec.name, 18, 10)
    assert canonical_codec(name) == codec.name


def test_a_name_belongs_to_one_codec() -> None:
    names = [name for codec in CODECS.values() for name in (codec.name.value, *codec.synonyms)]
    assert len(set(names)) == len(names)
    assert codec_named("vp9") is None
    assert canonical_codec("VP9") == "vp9"


def test_the_defaults_are_supported() -> None:
    check_type(spec())
    check_cameras(spec(), metadata())


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
        check_cameras(spec(augmentation={"cameras": ["front"]}), metadata())
    assert caught.value.reason is FailureReason.SELECTION_EMPTY
    assert all(word in caught.value.message for word in ["'front'", TOP, WRIST])
    assert DEPTH not in caught.value.message


def test_a_depth_camera_is_never_augmented() -> None:
    with pytest.raises(WorkerFailure, match="never changed"):
        check_cameras(spec(augmentation={"cameras": [DEPTH]}), metadata())


def test_cameras_stored_as_images_are_cameras() -> None:
    features = info_document()["features"]
    features["front"] = {"dtype": "image", "shape": [48, 64, 3]}
    features["mask"] = {"dtype": "image", "shape": [48, 64, 1]}
    found = metadata(features=features)
    for cameras in ([], ["front"], [TOP, "front"]):
        check_cameras(spec(augmentation={"cameras": cameras}), found)
    with pytest.raises(WorkerFailure, match="mask is a depth or one-channel stream"):
        check_cameras(spec(augmentation={"cameras": ["mask"]}), found)


def test_a_dataset_without_cameras_has_nothing_to_augment() -> None:
    features = {key: value for key, value in info_document()["features"].items() if value["dtype"] != "video"}
    with pytest.raises(WorkerFailure) as caught:
        check_cameras(spec(), metadata(features=features))
    assert caught.value.reason is FailureReason.SELECTION_EMPTY


@pytest.mark.parametrize(
    ("codec", "video", "words"),
    [
        ("h264", {"preset": 8}, ["spec.output.video", "preset is 8", "h264", "ultrafast, superfast"]),
        ("av1", {"preset": "medium"}, ["spec.output.video", "preset is medium", "av1", "0 to 13"]),
        ("hevc", {"crf": 60}, ["spec.output.video", "crf is 60", "51"]),
    ],
)
def test_an_encoding_that_no_encoder_has_is_refused(codec: str, video: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(WorkerFailure) as caught:
        encoding_of(metadata(), metadata().info.cameras[0], stream(codec), spec(output={"video": video}))
    assert caught.value.reason is FailureReason.SPEC_UNSUPPORTED
    assert all(word in caught.value.message for word in [TOP, *words])


def test_frames_of_odd_size_are_refused_for_a_codec_that_needs_even_ones() -> None:
    odd = VideoProperties("av1", "yuv420p", 224, 225, None, ColorTags())
    camera = metadata().info.cameras[0]
    with pytest.raises(
        WorkerFailure, match=r"224x225 pixels cannot be encoded as h264.*spec.output.video.codec to av1"
    ):
        encoding_of(metadata(), camera, odd, spec(output={"video": {"codec": "h264"}}))
    assert encoding_of(metadata(), camera, odd, spec()).codec == "av1"


def test_output_codec_alone_says_what_is_written_of_a_codec_that_is_not() -> None:
    camera = metadata().info.cameras[0]
    for codec in ("av1", "h264", "hevc"):
        wanted = spec(output={"video": {"codec": codec}})
        assert encoding_of(metadata(), camera, stream("mpeg4"), wanted).codec == codec


def test_cameras_that_would_be_left_out_are_said() -> None:
    features = info_document()["features"]
    features["five"] = {"dtype": "image", "shape": [48, 64, 5]}
    (warning,) = camera_warnings(spec(), metadata(features=features))
    assert f"{DEPTH} is a depth map; five is of shape [48, 64, 5]" in warning
    assert not camera_warnings(spec(augmentation={"cameras": [TOP]}), metadata(features=features))
    with pytest.raises(WorkerFailure, match="five is of shape"):
        check_cameras(spec(augmentation={"cameras": ["five"]}), metadata(features=features))
    del features[TOP], features[WRIST]
    with pytest.raises(WorkerFailure, match=r"no colour camera.*five is of shape"):
        check_cameras(spec(), metadata(features=features))


def test_pixels_stored_as_numbers_are_named_with_the_way_out() -> None:
    features = {key: feature for key, feature in info_document()["features"].items() if feature["dtype"] != "video"}
    features |= {"observation.image": {"dtype": "uint8", "shape": [3, 96, 128], "names": None}}
    features |= {"observation.tactile": {"dtype": "uint8", "shape": [4, 4, 3], "names": None}}
    metadata = metadata_of(episode_rows([5]), features=features)
    with pytest.raises(WorkerFailure, match=r"no colour camera.*observation\.image is an array of numbers") as caught:
        check_cameras(spec(), metadata)
    assert "dtype image or video" in caught.value.message
    assert "tactile" not in caught.value.message
