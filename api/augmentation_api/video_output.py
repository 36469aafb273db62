"""How augmented videos are written: spec.output.video, its profiles, and the presets that each codec's encoder has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.vocabulary import EncoderChoice, VideoCodec, VideoProfile

_X26_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
CODEC_PRESETS: Final[Mapping[VideoCodec, tuple[str, ...]]] = MappingProxyType(
    {
        VideoCodec.AV1: tuple(str(number) for number in range(14)),
        VideoCodec.H264: _X26_PRESETS,
        VideoCodec.HEVC: _X26_PRESETS,
    }
)
"""The encoders' trades of time for size: of SVT-AV1 from slow to fast, of x264 and x265 from fast to slow."""
MAX_CRF: Final[Mapping[VideoCodec, int]] = MappingProxyType(
    {VideoCodec.AV1: 63, VideoCodec.H264: 51, VideoCodec.HEVC: 51}
)
"""Largest constant rate factor of each codec, of a scale that is its own."""

_PRESETS = (*CODEC_PRESETS[VideoCodec.AV1], *_X26_PRESETS)
_AV1_PRESETS = "0 to 13"
_PRESET_LIST = f"{_AV1_PRESETS} (av1), {', '.join(_X26_PRESETS)} (h264, hevc)"


def presets_of(codec: VideoCodec) -> str:
    """The presets of a codec, in words."""
    return _AV1_PRESETS if codec is VideoCodec.AV1 else ", ".join(CODEC_PRESETS[codec])


def _known_preset(value: object) -> int | str:
    text = "" if isinstance(value, bool) else str(value)
    if text not in _PRESETS:
        raise ValueError(f"{str(value)[:40]} is a preset of no encoder: use {_PRESET_LIST}")
    return int(text) if text.isdigit() else text


def _cel_list(presets: Iterable[str]) -> str:
    return "[" + ", ".join(f"'{preset}'" for preset in presets) + "]"


VideoPreset = Annotated[
    int | str,
    BeforeValidator(_known_preset),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "x-kubernetes-validations": [
                kubernetes_rule(
                    f"string(self) in {_cel_list(_PRESETS)}", f"no encoder has this preset: use {_PRESET_LIST}"
                )
            ],
        }
    ),
]
"""A preset of any codec: AV1's are numbers, those of H.264 and HEVC names. A number may be written as text."""


@dataclass(frozen=True)
class VideoSettings:
    """How a codec is written.

    Attributes:
        crf: constant rate factor, of the codec's own scale.
        gop: distance of key frames, frames.
        preset: one of CODEC_PRESETS.
    """

    crf: int
    gop: int
    preset: str


@dataclass(frozen=True)
class _Profile:
    codec: VideoCodec
    settings: Mapping[VideoCodec, VideoSettings]


_PROFILES: Final[Mapping[VideoProfile, _Profile]] = MappingProxyType(
    {
        VideoProfile.FAST: _Profile(
            VideoCodec.H264,
            MappingProxyType(
                {
                    VideoCodec.AV1: VideoSettings(crf=30, gop=2, preset="12"),
                    VideoCodec.H264: VideoSettings(crf=22, gop=2, preset="veryfast"),
                    VideoCodec.HEVC: VideoSettings(crf=26, gop=2, preset="ultrafast"),
                }
            ),
        ),
        VideoProfile.SMALL: _Profile(
            VideoCodec.AV1,
            MappingProxyType(
                {
                    VideoCodec.AV1: VideoSettings(crf=32, gop=10, preset="8"),
                    VideoCodec.H264: VideoSettings(crf=24, gop=10, preset="medium"),
                    VideoCodec.HEVC: VideoSettings(crf=28, gop=10, preset="medium"),
                }
            ),
        ),
    }
)
"""Chosen by measurement (decision 0066). `like-source` is none of them: it says nothing."""


def _is_codec(codec: VideoCodec) -> str:
    """A CEL expression: whether the fields of a VideoOutput name this codec, by themselves or by their profile."""
    profiles = [profile for profile, chosen in _PROFILES.items() if chosen.codec is codec]
    by_profile = [f"has(self.profile) && self.profile == '{profile}'" for profile in profiles]
    named = f"(has(self.codec) && self.codec == '{codec}')"
    source = f"(!has(self.codec) || self.codec == '{VideoCodec.SOURCE}')"
    return " || ".join([named, *(f"({source} && {each})" for each in by_profile)])


def _rules() -> list[Any]:
    rules: list[Any] = []
    for codec, presets in CODEC_PRESETS.items():
        rules.append(
            kubernetes_rule(
                f"!has(self.preset) || !({_is_codec(codec)}) || string(self.preset) in {_cel_list(presets)}",
                f"preset is none of {codec}'s: use {presets_of(codec)}, or another codec",
            )
        )
        if MAX_CRF[codec] < max(MAX_CRF.values()):
            rules.append(
                kubernetes_rule(
                    f"!has(self.crf) || !({_is_codec(codec)}) || self.crf <= {MAX_CRF[codec]}",
                    f"crf is too large: {codec} takes 0 to {MAX_CRF[codec]}",
                )
            )
    return rules


class VideoOutput(Model):
    """How augmented videos are encoded. What is given itself goes before the profile's."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-validations": _rules()})

    # No default in the CRD: an older image of a worker does not know the field, and refuses what it does not know.
    profile: VideoProfile | None = Field(
        None,
        description="Codec, crf, gop and preset in one word, of which each may be set itself. like-source, the "
        "default: codec, pixel format, crf, gop, preset and fast_decode of the source's videos, as far as info.json "
        "records them, else the codec's defaults; other encoder options of the source are not used. fast: H.264, in "
        "about half of AV1's encoding time, larger, and read by every decoder. small: AV1 with fewer key "
        "frames, in less than half of the bytes, slower to encode and to read at random.",
    )
    codec: VideoCodec = Field(
        VideoCodec.SOURCE,
        description="Video codec; `source` leaves it to the profile: like-source keeps the source's, or takes av1 "
        "where that cannot be written (mpeg4, vp9).",
    )
    crf: int | None = Field(
        None,
        ge=0,
        le=max(MAX_CRF.values()),
        description="Constant rate factor: lower means better quality and larger files. av1 takes 0 to 63, h264 and "
        "hevc 0 to 51. Default: the profile's.",
    )
    gop: int | None = Field(
        None,
        ge=1,
        le=600,
        description="Keyframe interval, in frames; 2 makes random access fastest. Default: the profile's.",
    )
    preset: VideoPreset | None = Field(
        None,
        description="Preset of the encoder. av1: a number, 0 to 13; higher is faster and larger, but 11, 12 and 13 "
        f"write the same bytes. h264, hevc: {', '.join(_X26_PRESETS)}; the first is fastest and largest. "
        "Setting it disables the hardware encoder. Default: the profile's.",
    )
    encoder: EncoderChoice = Field(
        EncoderChoice.AUTO,
        description="auto: the hardware encoder (NVENC) where the pod has a GPU with one for the codec, else the "
        "software encoder. software: always the software encoder, whose files are the same to the byte on every "
        "machine. The pixels that are encoded are the same either way.",
    )

    @property
    def named_codec(self) -> VideoCodec | None:
        """The codec, if the fields say which, by themselves or by their profile; None: it depends on the source."""
        if self.codec is not VideoCodec.SOURCE:
            return self.codec
        profile = None if self.profile is None else _PROFILES.get(self.profile)
        return None if profile is None else profile.codec

    def settings(self, codec: VideoCodec) -> VideoSettings | None:
        """What the profile says of a codec; None for like-source, which says what the source says."""
        profile = None if self.profile is None else _PROFILES.get(self.profile)
        return None if profile is None else profile.settings[codec]

    def check(self, codec: VideoCodec) -> None:
        """Check that a codec has what the fields ask for.

        Raises:
            ValueError: naming field, value, and what the codec has.
        """
        if self.preset is not None and str(self.preset) not in CODEC_PRESETS[codec]:
            raise ValueError(
                f"preset is {self.preset}, but videos become {codec}: use {presets_of(codec)}, or another codec"
            )
        if self.crf is not None and self.crf > MAX_CRF[codec]:
            raise ValueError(f"crf is {self.crf}, but videos become {codec}, which takes 0 to {MAX_CRF[codec]}")

    @model_validator(mode="after")
    def _fit_the_codec(self) -> Self:
        if self.named_codec is not None:
            self.check(self.named_codec)
        return self
