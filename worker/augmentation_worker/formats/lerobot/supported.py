"""What this version of the worker can do, and a refusal, before a GPU is taken, of everything else.

Torch is not imported here: resolve has to start fast.
"""

from augmentation_api import AugmentationJobSpec, AugmentationType, FailureReason
from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.info import DatasetInfo
from augmentation_worker.media.video.codecs import CODEC_LIST, DEFAULT_CODEC, canonical_codec, codec_named

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
        name = (camera.codec or DEFAULT_CODEC.name) if video.codec is VideoCodec.SOURCE else video.codec.value
        codec = codec_named(name)
        if codec is None:
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"the videos of {camera.key} are {canonical_codec(name)}, which cannot be written: set "
                f"spec.output.video.codec to one of {CODEC_LIST}",
            )
        # A source that is h264 or hevc already and odd has full chroma: the augment phase looks at the file itself.
        needs_even_size = video.codec is not VideoCodec.SOURCE and not codec.takes_odd_sizes
        if needs_even_size and (camera.width % 2 or camera.height % 2):
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"the frames of {camera.key} are {camera.width}x{camera.height} pixels, and {codec.name} needs even "
                "sizes: set spec.output.video.codec to av1",
            )
        if video.preset is not None and codec.name is not VideoCodec.AV1:
            raise _unsupported(
                "spec.output.video.preset", f"{video.preset} with codec {codec.name}", "presets of codec av1"
            )
        if video.crf is not None and video.crf > codec.max_crf:
            raise _unsupported("spec.output.video.crf", str(video.crf), f"0 to {codec.max_crf} with codec {codec.name}")


def _unsupported(field: str, value: str, supported: str) -> WorkerFailure:
    return WorkerFailure(
        FailureReason.SPEC_UNSUPPORTED, f"{field}: {value} is not supported yet; supported now: {supported}"
    )
