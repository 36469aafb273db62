"""What this version of the worker can do, and a refusal, before a GPU is taken, of everything else.

Torch is not imported here: resolve has to start fast.
"""

from augmentation_api import AugmentationJobSpec, AugmentationType, FailureReason
from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.info import DatasetInfo

ENCODERS = ("av1", "h264", "hevc")
"""Codecs of augmented videos, by the name that stands in video.codec of a dataset."""
DEFAULT_CODEC = "av1"
"""What a dataset is taken to use that does not say; the file itself decides in the augment phase."""
LARGEST_CRF = {"av1": 63, "h264": 51, "hevc": 51}
_CODEC_SYNONYMS = {
    "libsvtav1": "av1",
    "libaom-av1": "av1",
    "libx264": "h264",
    "avc1": "h264",
    "libx265": "hevc",
    "h265": "hevc",
}
_MOST_CAMERAS_LISTED = 20


def check_spec(spec: AugmentationJobSpec) -> None:
    """Refuse what is asked for and not implemented.

    Raises:
        WorkerFailure: SPEC_UNSUPPORTED, naming field, value and what is supported now.
    """
    if spec.type is not AugmentationType.DETERMINISTIC:
        raise _unsupported("spec.type", spec.type, AugmentationType.DETERMINISTIC)


def check_cameras(spec: AugmentationJobSpec, info: DatasetInfo) -> None:
    """Refuse cameras that do not exist or cannot be augmented.

    Raises:
        WorkerFailure: SPEC_UNSUPPORTED or SELECTION_EMPTY, listing the cameras there are.
    """
    colour = [camera.key for camera in info.cameras if camera.is_colour]
    others = {camera.key for camera in info.cameras if not camera.is_colour}
    known = ", ".join(colour[:_MOST_CAMERAS_LISTED]) or "none"
    for key in spec.augmentation.cameras:
        if key in others:
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"spec.augmentation.cameras: {key} is a depth or one-channel stream, which is never changed; cameras "
                f"that can be augmented: {known}",
            )
        if key not in colour:
            raise WorkerFailure(
                FailureReason.SELECTION_EMPTY,
                f"spec.augmentation.cameras: the dataset has no camera {key!r}; it has: {known}",
            )
    if not colour:
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY, "the dataset has no colour camera: there is nothing to augment"
        )


def check_encoding(spec: AugmentationJobSpec, info: DatasetInfo) -> None:
    """Refuse an encoding that the encoders do not have.

    Raises:
        WorkerFailure: SPEC_UNSUPPORTED, naming the field, and the camera where it is the source's codec.
    """
    video = spec.output.video
    for camera in info.video_cameras:
        if not camera.is_colour or (spec.augmentation.cameras and camera.key not in spec.augmentation.cameras):
            continue
        codec = normal_codec(camera.codec or DEFAULT_CODEC) if video.codec is VideoCodec.SOURCE else video.codec.value
        if codec not in ENCODERS:
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"the videos of {camera.key} are {codec}, which cannot be written: set spec.output.video.codec "
                f"to one of {', '.join(ENCODERS)}",
            )
        # A source that is h264 or hevc already and odd has full chroma: the augment phase looks at the file itself.
        asked_for = video.codec not in (VideoCodec.SOURCE, VideoCodec.AV1)
        if asked_for and (camera.width % 2 or camera.height % 2):
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"the frames of {camera.key} are {camera.width}x{camera.height} pixels, and {codec} needs even sizes: "
                "set spec.output.video.codec to av1",
            )
        if video.preset is not None and codec != VideoCodec.AV1.value:
            raise _unsupported("spec.output.video.preset", f"{video.preset} with codec {codec}", "presets of codec av1")
        if video.crf is not None and video.crf > LARGEST_CRF[codec]:
            raise _unsupported("spec.output.video.crf", str(video.crf), f"0 to {LARGEST_CRF[codec]} with codec {codec}")


def normal_codec(name: str) -> str:
    """The codec's usual name for the many that datasets use."""
    return _CODEC_SYNONYMS.get(name.lower(), name.lower())


def _unsupported(field: str, value: str, supported: str) -> WorkerFailure:
    return WorkerFailure(
        FailureReason.SPEC_UNSUPPORTED, f"{field}: {value} is not supported yet; supported now: {supported}"
    )
