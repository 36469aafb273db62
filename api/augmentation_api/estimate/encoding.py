"""How frames are encoded, what that takes of a core, and where figures of the nearest settings stand in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log2
from types import MappingProxyType
from typing import Final

from augmentation_api.estimate.figures import CodecFigures, EncodingFigures, Figures, GopFigures
from augmentation_api.status import StreamStatus
from augmentation_api.video_output import CODEC_PRESETS, VideoOutput
from augmentation_api.vocabulary import VideoCodec

SHORTEST_GOP: Final = 2
IMAGES: Final = frozenset({"png", "jpeg", "webp", "bmp"})
_SAME_PRESET: Final[Mapping[str, str]] = MappingProxyType({"11": "12", "13": "12"})
"""Presets of SVT-AV1 that write the same bytes as another (VideoOutput.preset)."""


@dataclass(frozen=True)
class Encoding:
    """A codec with its settings, and its figures.

    Attributes:
        codec: figures of the codec.
        name: of the codec.
        preset_name: of the preset that is used; None: of the codec's default.
        gop: distance of key frames.
        crf: constant rate factor.
    """

    codec: CodecFigures
    name: str
    preset_name: str | None = None
    gop: int = SHORTEST_GOP
    crf: float = 0.0

    @classmethod
    def of_source(cls, stream: StreamStatus, figures: Figures) -> "Encoding":
        """How the source is encoded, as far as it says that."""
        codec = figures_of(stream.codec, figures)
        crf = codec.default_crf if stream.crf is None else stream.crf
        return cls(codec, stream.codec, stream.preset, stream.gop or SHORTEST_GOP, crf)

    @classmethod
    def of_copies(cls, stream: StreamStatus, video: VideoOutput, figures: Figures) -> "Encoding":
        """How copies are encoded: as the job says, else like the source."""
        source = cls.of_source(stream, figures)
        if stream.codec in IMAGES:
            return source
        is_written = stream.codec in CODEC_PRESETS
        codec = video.named_codec or (VideoCodec(stream.codec) if is_written else VideoCodec.AV1)
        own, settings = figures.codecs[codec.value], video.settings(codec)
        if settings is not None:
            encoding = cls(own, codec.value, settings.preset, settings.gop, settings.crf)
        elif codec.value == stream.codec:
            encoding = source
        else:
            encoding = cls(own, codec.value, None, source.gop, own.default_crf)
        return replace(
            encoding,
            preset_name=encoding.preset_name if video.preset is None else str(video.preset),
            gop=encoding.gop if video.gop is None else video.gop,
            crf=encoding.crf if video.crf is None else float(video.crf),
        )

    @property
    def preset(self) -> EncodingFigures:
        """Figures of the preset; of one that was not measured, those of its nearest."""
        return self.codec.encoding[_measured(self.codec, self.preset_name)]

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

    def stand_ins(self) -> Iterator[str]:
        """Sentences that name what was not measured, whose figures are counted instead, and which way these err."""
        if self.name in IMAGES:
            return
        wanted = _known(self.codec, self.preset_name)
        order, counted = _order_of(wanted), _measured(self.codec, self.preset_name)
        if order and counted != wanted:
            is_slower = (order.index(wanted) < order.index(counted)) is (wanted in CODEC_PRESETS[VideoCodec.AV1])
            yield (
                f"Preset {wanted} of {self.name} has not been measured: figures are those of {counted}, which is "
                f"{'faster, so the job may take several times as long' if is_slower else 'slower'}"
            )
        if self.gop < SHORTEST_GOP:
            yield (
                f"A gop of {self.gop} has not been measured: figures are those of {SHORTEST_GOP}, which is faster and "
                "takes fewer bytes"
            )
        if self.codec.gops and self.gop > (longest := self.codec.gops[-1].gop):
            yield (
                f"A gop of {self.gop} has not been measured: figures are those of {longest}, which is slower and takes "
                "more bytes"
            )


def figures_of(codec: str, figures: Figures) -> CodecFigures:
    """Figures of a codec, or of the one that stands in for it."""
    return figures.codecs[_measured_codec(codec, figures)]


def source_stand_ins(codec: str, figures: Figures) -> Iterator[str]:
    """A sentence that names the codec as which a source is counted whose own was not measured."""
    if (counted := _measured_codec(codec, figures)) != codec:
        yield f"The codec {codec} has not been measured: figures are those of {counted}, which may be faster or slower"


def _measured_codec(codec: str, figures: Figures) -> str:
    """The codec itself if it was measured; else PNG for images, AV1 for videos."""
    if codec in figures.codecs:
        return codec
    return "png" if codec in IMAGES else VideoCodec.AV1.value


def _order_of(preset: str) -> tuple[str, ...]:
    """The presets among which one is, in their order: AV1's from slow to fast, the others' from fast to slow."""
    return next((presets for presets in CODEC_PRESETS.values() if preset in presets), ())


def _known(codec: CodecFigures, preset: str | None) -> str:
    """The preset that is used; the default where none is named, or one that this codec has not."""
    wanted = preset or codec.default_preset
    wanted = _SAME_PRESET.get(wanted, wanted)
    return wanted if _order_of(wanted) == _order_of(codec.default_preset) else codec.default_preset


def _measured(codec: CodecFigures, preset: str | None) -> str:
    """The preset that was measured and is nearest to one; None: to the default."""
    wanted = _known(codec, preset)
    order = _order_of(wanted)
    return min(codec.encoding, key=lambda name: abs(order.index(name) - order.index(wanted)) if order else 0)


def _at_gop(codec: CodecFigures, gop: int) -> GopFigures:
    """Figures at a distance of key frames, interpolated by its logarithm; beyond what was measured, the last ones."""
    points = (GopFigures(SHORTEST_GOP, 1.0, 1.0), *codec.gops)
    for before, after in pairwise(points):
        if gop <= after.gop:
            place = max(0.0, log2(max(1, gop) / before.gop) / log2(after.gop / before.gop))
            time = before.time + place * (after.time - before.time)
            return GopFigures(gop, time, before.bytes + place * (after.bytes - before.bytes))
    return points[-1]
