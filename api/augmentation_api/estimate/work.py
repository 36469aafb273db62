"""What a job is made of, and what that takes of one core of the machine that the figures were measured on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from augmentation_api.copies import transforms_of_copies
from augmentation_api.estimate.encoding import IMAGES, Encoding, figures_of, source_stand_ins
from augmentation_api.estimate.figures import Figures
from augmentation_api.spec import Augmentation, AugmentationJobSpec
from augmentation_api.status import SourceStatus, StreamStatus
from augmentation_api.transforms import TransformName
from augmentation_api.video_output import VideoOutput
from augmentation_api.vocabulary import AugmentationMode, OutputMode

MEGAPIXEL: Final = 1e6
KIBIBYTE: Final = 1024.0

Applied = tuple[tuple[TransformName, float], ...]
"""Transforms of one copy, each with its share of the frames."""


@dataclass(frozen=True)
class Work:
    """What a job makes, and what that takes.

    Attributes:
        episodes: augmented episodes, all copies together.
        frames: augmented frames, one for all cameras together, as status.progress counts them.
        images: augmented frames of all cameras.
        bytes: of the augmented videos or images.
        processor_seconds: of one core of the machine that the figures were measured on, for all of it.
        threads: most that one pod keeps busy.
    """

    episodes: int
    frames: int
    images: int
    bytes: int
    processor_seconds: float
    threads: int


def work_of(spec: AugmentationJobSpec, source: SourceStatus, figures: Figures) -> Work | None:
    """The work of a job on a source that resolve has read; None if that says nothing of the source's images.

    Args:
        spec: of the job.
        source: with `streams`, `selected_frames` and `selected_episodes` of this job's selection.
        figures: what was measured.
    """
    if not source.streams or source.selected_frames is None:
        return None
    frames, episodes = source.selected_frames, source.selected_episodes or 0
    copies = _copies(spec, source.cameras)
    files = 0 if source.blocks is not None else episodes
    milliseconds, size, threads = 0.0, 0.0, 1
    for stream in source.streams:
        of_camera = _StreamWork.of(stream, spec.output.video, copies, figures)
        of_files = files * (of_camera.file + 1000 * figures.job.episode)
        milliseconds += stream.cameras * (frames * of_camera.frame + of_files)
        size += stream.cameras * frames * of_camera.kibibytes * KIBIBYTE
        threads = max(threads, of_camera.threads)
    cameras = sum(stream.cameras for stream in source.streams)
    return Work(
        episodes=episodes * len(copies),
        frames=frames * len(copies),
        images=frames * len(copies) * cameras,
        bytes=round(size),
        processor_seconds=figures.overhead * milliseconds / 1000,
        threads=threads,
    )


def stand_ins_of(spec: AugmentationJobSpec, source: SourceStatus, figures: Figures) -> list[str]:
    """Sentences that name what of the codecs was not measured, what is counted instead, and how that errs.

    Args:
        spec: of the job.
        source: with `streams`.
        figures: what was measured.
    """
    sentences: list[str] = []
    for stream in source.streams or ():
        sentences += source_stand_ins(stream.codec, figures)
        sentences += Encoding.of_copies(stream, spec.output.video, figures).stand_ins()
    return list(dict.fromkeys(sentences))


@dataclass(frozen=True)
class _StreamWork:
    """What one source frame, and one source episode, of one camera takes, in all copies.

    Attributes:
        frame, file: milliseconds.
        kibibytes: that all copies of a frame take.
        threads: that are kept busy.
    """

    frame: float
    file: float
    kibibytes: float
    threads: int

    @classmethod
    def of(cls, stream: StreamStatus, video: VideoOutput, copies: Sequence[Applied], figures: Figures) -> "_StreamWork":
        megapixels = stream.height * stream.width / MEGAPIXEL
        kibibytes = stream.bytes_per_frame / KIBIBYTE
        decoding = figures_of(stream.codec, figures).decoding
        encoding = Encoding.of_copies(stream, video, figures)
        relative_bytes = encoding.relative_bytes / Encoding.of_source(stream, figures).relative_bytes
        frame, written = decoding.of_frame(megapixels, kibibytes), 0.0
        for applied in copies:
            # By bytes of the source's own encoding: what a transform makes of them was measured with its defaults, and
            # of videos; images are taken to stay as large as they are.
            for name, share in applied:
                frame += share * figures.transforms[name].cost.of_frame(megapixels)
            becomes = kibibytes if stream.codec in IMAGES else _augmented(kibibytes, megapixels, applied, figures)
            becomes *= relative_bytes
            frame += figures.finish.of_frame(megapixels) + encoding.milliseconds(megapixels, becomes)
            written += becomes
        return cls(
            frame=frame,
            file=decoding.file + len(copies) * encoding.preset.cost.file,
            kibibytes=written,
            threads=len(copies) * encoding.codec.threads + 1,
        )


def _augmented(kibibytes: float, megapixels: float, applied: Applied, figures: Figures) -> float:
    """KiB of a frame after its transforms, encoded alike. What noise has added is counted apart: a blur removes it."""
    shown, noise = kibibytes, 0.0
    for name, share in applied:
        transform = figures.transforms[name]
        added = transform.added_kibibytes * megapixels
        is_noise = name is TransformName.NOISE
        shown += share * (transform.bytes_factor * shown + (0.0 if is_noise else added) - shown)
        noise += share * (transform.noise_factor * noise + (added if is_noise else 0.0) - noise)
    return shown + noise


def _copies(spec: AugmentationJobSpec, cameras: Sequence[str]) -> list[Applied]:
    """The transforms of each copy, on average over cameras that get different ones."""
    augmentation = spec.augmentation.effective
    copies = transforms_of_copies(augmentation)
    if spec.output.mode is OutputMode.IN_PLACE:
        copies = copies[:1]
    keys = list(augmentation.cameras or cameras) or [""]
    of_cameras = [_of_camera(augmentation, augmentation.of_camera(key).transforms) for key in keys]
    return [tuple(_shares(copy, of_cameras, augmentation)) for copy in copies]


def _of_camera(augmentation: Augmentation, own: Sequence[TransformName]) -> Mapping[TransformName, float]:
    """A camera's transforms in order, each with its share of the copies."""
    choose, names = augmentation.choose, augmentation.transforms
    chosen = 1.0 if choose is None else choose / len(names)
    return {name: chosen if name in names else 1.0 for name in own}


def _shares(
    copy: Sequence[TransformName], cameras: Sequence[Mapping[TransformName, float]], augmentation: Augmentation
) -> Iterator[tuple[TransformName, float]]:
    is_independent = augmentation.mode is AugmentationMode.INDEPENDENT
    for name in dict.fromkeys(name for camera in cameras for name in camera):
        if is_independent and name not in copy:
            continue
        yield name, sum(camera.get(name, 0.0) for camera in cameras) / len(cameras)
