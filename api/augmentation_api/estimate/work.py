"""What a job is made of, and what that takes of one core of the machine that the figures were measured on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log2
from typing import Final

from augmentation_api.copies import transforms_of_copies
from augmentation_api.estimate.figures import CodecFigures, EncodingFigures, Figures, GopFigures
from augmentation_api.spec import Augmentation, AugmentationJobSpec
from augmentation_api.status import SourceStatus, StreamStatus
from augmentation_api.transforms import TransformName
from augmentation_api.video_output import CODEC_PRESETS, VideoOutput
from augmentation_api.vocabulary import AugmentationMode, OutputMode, VideoCodec

MEGAPIXEL: Final = 1e6
KIBIBYTE: Final = 1024.0
SHORTEST_GOP: Final = 2

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
        decoding = _figures_of(stream.codec, figures).decoding
        encoding = _Encoding.of_copies(stream, video, figures)
        relative_bytes = encoding.relative_bytes / _Encoding.of_source(stream, figures).relative_bytes
        frame, written = decoding.of_frame(megapixels, kibibytes), 0.0
        for applied in copies:
            # By bytes of the source's own encoding: what a transform makes of them was measured with its defaults, and
            # of videos; images are taken to stay as large as they are.
            for name, share in applied:
                frame += share * figures.transforms[name].cost.of_frame(megapixels)
            becomes = kibibytes if stream.codec in _IMAGES else _augmented(kibibytes, megapixels, applied, figures)
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


@dataclass(frozen=True)
class _Encoding:
    """A codec with its settings, and its figures.

    Attributes:
        codec, preset: figures of both.
        gop: distance of key frames.
        crf: constant rate factor.
    """

    codec: CodecFigures
    preset: EncodingFigures
    gop: int = SHORTEST_GOP
    crf: float = 0.0

    @classmethod
    def of_source(cls, stream: StreamStatus, figures: Figures) -> "_Encoding":
        """How the source is encoded, as far as it says that."""
        codec = _figures_of(stream.codec, figures)
        crf = codec.default_crf if stream.crf is None else stream.crf
        return cls(codec, _preset(codec, stream.preset), stream.gop or SHORTEST_GOP, crf)

    @classmethod
    def of_copies(cls, stream: StreamStatus, video: VideoOutput, figures: Figures) -> "_Encoding":
        """How copies are encoded: as the job says, else like the source."""
        source = cls.of_source(stream, figures)
        if stream.codec in _IMAGES:
            return source
        is_written = stream.codec in CODEC_PRESETS
        codec = video.named_codec or (VideoCodec(stream.codec) if is_written else VideoCodec.AV1)
        own, settings = figures.codecs[codec.value], video.settings(codec)
        if settings is not None:
            encoding = cls(own, _preset(own, settings.preset), settings.gop, settings.crf)
        elif codec.value == stream.codec:
            encoding = source
        else:
            encoding = cls(own, _preset(own, None), source.gop, own.default_crf)
        return replace(
            encoding,
            preset=encoding.preset if video.preset is None else _preset(own, str(video.preset)),
            gop=encoding.gop if video.gop is None else video.gop,
            crf=encoding.crf if video.crf is None else float(video.crf),
        )

    @property
    def relative_bytes(self) -> float:
        """Bytes of a frame, with those of AV1's default as 1."""
        by_crf = 2 ** ((self.codec.default_crf - self.crf) / self.codec.crf_step) if self.codec.crf_step else 1.0
        return self.preset.relative_bytes * _at_gop(self.codec, self.gop).bytes * by_crf

    def milliseconds(self, megapixels: float, kibibytes: float) -> float:
        """Of a frame."""
        # The cost of bytes is that of what they show: a longer distance of key frames makes fewer of the same.
        factors = _at_gop(self.codec, self.gop)
        return factors.time * self.preset.cost.of_frame(megapixels, kibibytes / factors.bytes)


_IMAGES: Final = frozenset({"png", "jpeg", "webp", "bmp"})


def _figures_of(codec: str, figures: Figures) -> CodecFigures:
    """Figures of a codec; of images that were not measured those of PNG, of videos those of AV1."""
    return figures.codecs.get(codec) or figures.codecs["png" if codec in _IMAGES else VideoCodec.AV1.value]


def _preset(codec: CodecFigures, preset: str | None) -> EncodingFigures:
    """The figures of a preset; of one that was not measured, those of its nearest; None: of the default."""
    wanted = preset or codec.default_preset
    order = next((presets for presets in CODEC_PRESETS.values() if wanted in presets), ())
    known = [name for name in codec.encoding if name in order]
    if not known:
        return codec.encoding[codec.default_preset]
    return codec.encoding[min(known, key=lambda name: abs(order.index(name) - order.index(wanted)))]


def _at_gop(codec: CodecFigures, gop: int) -> GopFigures:
    """Figures at a distance of key frames, interpolated by its logarithm; beyond what was measured, the last ones."""
    points = (GopFigures(SHORTEST_GOP, 1.0, 1.0), *codec.gops)
    for before, after in pairwise(points):
        if gop <= after.gop:
            place = max(0.0, log2(max(1, gop) / before.gop) / log2(after.gop / before.gop))
            time = before.time + place * (after.time - before.time)
            return GopFigures(gop, time, before.bytes + place * (after.bytes - before.bytes))
    return points[-1]


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
