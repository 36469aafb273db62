"""How a video is encoded: what the source used, and what the job's spec changes about it."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from augmentation_api.video_output import VideoOutput
from augmentation_api.vocabulary import VideoCodec, VideoProfile
from augmentation_worker.media.video.codecs import AV1, CODEC_LIST, CODECS, DEFAULT_CODEC, Codec, codec_named
from augmentation_worker.media.video.properties import VideoProperties

NVENC_PRESET = "p4"
"""NVENC's middle of p1, fastest, to p7, best."""

NVENC_PIX_FMT = "yuv420p"
"""The one that every GPU's encoders take."""

DEFAULT_GOP = 2
"""LeRobot's distance of key frames (its VideoEncoderConfig.g): any frame is at most one away from a key frame."""

MAX_SVT_PARALLELISM = 6
"""Highest level of SVT-AV1's `lp`."""

MAX_FAST_DECODE = 2
"""Highest level of SVT-AV1's `fast-decode`; x264 and x265 have it or not (their tune `fastdecode`)."""


@dataclass(frozen=True)
class VideoEncoding:
    """How a video is encoded.

    Attributes:
        codec: AV1 (SVT-AV1), H264 (x264) or HEVC (x265).
        crf: constant rate factor; lower is better and larger. The scale is the codec's.
        gop: distance of key frames, frames.
        preset: the encoder's name or number of its trade of time for size; None: the encoder's own.
        pix_fmt: pixel format that is encoded.
        fast_decode: how much quality is given for faster decoding, as LeRobot's `fast_decode` counts it; 0: none.
        uses_nvenc: whether the GPU's hardware encoder does it.

    Raises:
        ValueError: for a codec or pixel format that cannot be written, or a crf that the codec does not have.
    """

    codec: VideoCodec = VideoCodec.AV1
    crf: float = AV1.default_crf
    gop: int = DEFAULT_GOP
    preset: str | None = AV1.default_preset
    pix_fmt: str = "yuv420p"
    fast_decode: int = 0
    uses_nvenc: bool = False

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ValueError(f"codec {self.codec.value} is not one that can be written: {CODEC_LIST}")
        if not 0 <= self.crf <= self._facts.max_crf:
            raise ValueError(f"crf {self.crf:g}: {self.codec.value} takes 0 to {self._facts.max_crf}")
        if self.gop < 1:
            raise ValueError(f"gop {self.gop}: must be at least 1")
        if not 0 <= self.fast_decode <= MAX_FAST_DECODE:
            raise ValueError(f"fast_decode {self.fast_decode}: must be 0 to {MAX_FAST_DECODE}")
        if self.preset is not None and self.preset not in self._facts.presets:
            raise ValueError(f"preset {self.preset} is none of {self.codec.value}")
        if self.pix_fmt not in self._facts.pix_fmts:
            raise ValueError(f"pixel format {self.pix_fmt} cannot be written as {self.codec.value}")

    @classmethod
    def default(cls, codec: VideoCodec) -> Self:
        """The defaults of a codec."""
        return cls(codec, CODECS[codec].default_crf, DEFAULT_GOP, CODECS[codec].default_preset)

    @classmethod
    def like_source(cls, feature_info: Mapping[str, object], stream: VideoProperties) -> Self:
        """What the source was encoded with; a codec that cannot be written becomes DEFAULT_CODEC with its defaults.

        Args:
            feature_info: the camera's `info` in LeRobot's info.json: video.codec, video.g, video.crf, video.preset,
                video.fast_decode; a number that it does not state, or that the codec does not have, is the codec's
                default.
            stream: the source's file. Its codec and pixel format count, whatever `feature_info` says of them, and if
                that names another codec, its numbers mean nothing.
        """
        written = codec_named(stream.codec)
        codec = written or DEFAULT_CODEC
        encoding = cls.default(codec.name)
        if written is not None and codec_named(str(feature_info.get("video.codec") or DEFAULT_CODEC.name)) is written:
            encoding = encoding._with_record(feature_info)
        return replace(encoding, pix_fmt=stream.pix_fmt if stream.pix_fmt in codec.pix_fmts else "yuv420p")

    def overridden_by(self, output: VideoOutput) -> Self:
        """This encoding with what the job's spec asks for instead: first its profile, then its other fields.

        With another codec, crf and preset start from that codec's defaults, as their scales are its own. The profile
        `fast` writes yuv420p, the one format that every decoder takes.

        Raises:
            ValueError: if the spec asks for what the codec does not have.
        """
        encoding, codec = self, output.named_codec or self.codec
        if codec is not self.codec:
            encoding = replace(type(self).default(codec), gop=self.gop)
        if (settings := output.settings(codec)) is not None:
            encoding = replace(
                encoding, crf=float(settings.crf), gop=settings.gop, preset=settings.preset, fast_decode=0
            )
        if output.profile is VideoProfile.FAST:
            encoding = replace(encoding, pix_fmt="yuv420p")
        try:
            output.check(codec)
        except ValueError as error:
            raise ValueError(f"spec.output.video: {error}") from error
        return replace(
            encoding,
            crf=encoding.crf if output.crf is None else float(output.crf),
            gop=encoding.gop if output.gop is None else output.gop,
            preset=encoding.preset if output.preset is None else str(output.preset),
        )

    @property
    def encoder(self) -> str:
        """FFmpeg's name of the encoder."""
        return self._facts.nvenc_encoder if self.uses_nvenc else self._facts.software_encoder

    @property
    def _facts(self) -> Codec:
        return CODECS[self.codec]

    def check_size(self, width: int, height: int) -> None:
        """Check that frames of this size can be encoded: x264 and x265 refuse odd sizes where chroma is halved.

        Raises:
            ValueError: if they cannot.
        """
        if self._facts.takes_odd_sizes or self.pix_fmt.startswith("yuv444p"):
            return
        if width % 2 or (height % 2 and self.pix_fmt.startswith("yuv420p")):
            raise ValueError(
                f"frames of {width}x{height} pixels cannot be encoded as {self.codec.value} {self.pix_fmt}, "
                "which needs even sizes: set spec.output.video.codec to av1"
            )

    def feature_info(self) -> dict[str, object]:
        """What LeRobot's info.json records about the encoding, to be merged into the camera's `info`."""
        preset: object = int(self.preset) if self.preset is not None and self.preset.isdigit() else self.preset
        if self.uses_nvenc:
            preset = None  # NVENC's presets mean nothing to the software encoder of whoever encodes like this dataset
        return {
            "video.codec": self.codec.value,
            "video.pix_fmt": self.pix_fmt,
            "video.channels": 3,
            "video.g": self.gop,
            "video.crf": int(self.crf) if float(self.crf).is_integer() else self.crf,
            "video.preset": preset,
            "video.fast_decode": 0 if self.uses_nvenc else self.fast_decode,
            # Options that another wrote are not passed on to an encoder: some of them name files.
            "video.extra_options": {},
            "video.video_backend": "pyav",
        }

    def options(self, threads: int) -> dict[str, str]:
        """The encoder's options, chosen so that the same frames give the same bytes, whatever `threads` is.

        A worker that is killed and starts again must write the same file. SVT-AV1's bytes depend on neither threads
        nor the CPU's instructions. x264 and x265 decide by what their other threads have finished, so they get one
        each: there are usually copies enough to keep the cores busy, and both are fast. x264's AVX-512 code for the
        macroblock tree reads memory that it has not written (core 165), so that its bytes change from run to run;
        `cpu-independent` has it use plain code there. `info=0` keeps x265 from writing its options into the video, and
        `open-gop=0` makes each of its key frames one that readers may seek to: after a seek to one of an open group
        FFmpeg drops frames, which then are missing where two copies meet.
        B-frames are off for both: packets are then in the order of their frames.

        NVENC's bytes depend on the GPU and its driver. Its constant quality has the codec's scale of crf.
        """
        if self.uses_nvenc:
            return {
                "rc": "vbr",
                "cq": f"{self.crf:g}",
                "b": "0",  # else two megabits a second, whatever the quality asked for
                "g": str(self.gop),
                "bf": "0",
                "preset": NVENC_PRESET,
            }
        options = {"crf": f"{self.crf:g}", "g": str(self.gop)}
        if self.preset is not None:
            options["preset"] = self.preset
        if self.codec is VideoCodec.AV1:
            parameters = f"lp={min(threads, MAX_SVT_PARALLELISM)}"
            if self.fast_decode:
                parameters += f":fast-decode={self.fast_decode}"
            return {**options, "svtav1-params": parameters}
        if self.fast_decode:
            options["tune"] = "fastdecode"
        if self.codec is VideoCodec.H264:
            return {**options, "bf": "0", "threads": "1", "x264-params": "cpu-independent=1"}
        return {**options, "bf": "0", "x265-params": "pools=1:frame-threads=1:info=0:open-gop=0:log-level=error"}

    def _with_record(self, feature_info: Mapping[str, object]) -> Self:
        """This encoding with the numbers that info.json records; one that cannot be used is left out."""
        encoding = self
        for field, kind in (("crf", float), ("gop", int), ("preset", str), ("fast_decode", int)):
            recorded = feature_info.get("video.g" if field == "gop" else f"video.{field}")
            if recorded is None:
                continue
            with contextlib.suppress(ValueError):
                changed: dict[str, Any] = {field: kind(str(recorded))}
                encoding = replace(encoding, **changed)
        return encoding
