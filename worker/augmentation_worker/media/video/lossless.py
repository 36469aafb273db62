"""How a video of labels or depths is encoded again: by its own codec, in its own pixel format, and without any loss.

Also where the source lost something: what moves with a camera is to have the values that its source has, no others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.video.codecs import CODECS, codec_named
from augmentation_worker.media.video.encoding import DEFAULT_GOP
from augmentation_worker.media.video.properties import VideoProperties

_DEPTHS: Final = ("", "10le", "12le")
_PIX_FMTS: Final[Mapping[VideoCodec, frozenset[str]]] = {
    VideoCodec.AV1: CODECS[VideoCodec.AV1].pix_fmts,
    VideoCodec.H264: CODECS[VideoCodec.H264].pix_fmts,
    VideoCodec.HEVC: frozenset(
        f"{name}{bits}" for name in ("gray", "yuv420p", "yuv422p", "yuv444p", "gbrp") for bits in _DEPTHS
    ),
}
"""Pixel formats that each encoder writes without a loss; all have one channel in each plane. gray12le in HEVC is what
LeRobot stores depths in (lerobot/configs/video.py, DepthEncoderConfig)."""
_OPTIONS: Final[Mapping[VideoCodec, Mapping[str, str]]] = {
    VideoCodec.AV1: {"svtav1-params": "lossless=1"},
    VideoCodec.H264: {"qp": "0"},
    VideoCodec.HEVC: {"x265-params": "lossless=1"},
}
"""What makes an encoder lossless, in the form in which LeRobot records it (`video.extra_options`)."""
_LARGEST_GOP = 600


@dataclass(frozen=True)
class LosslessEncoding:
    """How a video is encoded without a loss.

    Attributes:
        codec: AV1 (SVT-AV1), H264 (x264) or HEVC (x265).
        pix_fmt: pixel format.
        gop: distance of key frames, frames.
    """

    codec: VideoCodec
    pix_fmt: str
    gop: int = DEFAULT_GOP

    @classmethod
    def like_source(cls, feature_info: Mapping[str, object], stream: VideoProperties) -> Self:
        """What the file has; the distance of key frames is that which info.json states (video.g), or LeRobot's.

        Raises:
            ValueError: the file's codec and pixel format cannot be written without a loss; a clause says so.
        """
        codec = codec_named(stream.codec)
        if codec is None or stream.pix_fmt not in _PIX_FMTS[codec.name]:
            raise ValueError(
                f"is stored as {stream.codec} {stream.pix_fmt}, which cannot be written again without a loss: store it "
                "as HEVC (of depths gray12le, as LeRobot does) or as images (dtype image)"
            )
        said = feature_info.get("video.g")
        gop = said if isinstance(said, int) and 1 <= said <= _LARGEST_GOP else DEFAULT_GOP
        return cls(codec.name, stream.pix_fmt, gop)

    @property
    def encoder(self) -> str:
        """FFmpeg's name of the encoder."""
        return CODECS[self.codec].software_encoder

    def check_size(self, width: int, height: int) -> None:
        """Every size can be encoded that the source has."""

    def feature_info(self) -> dict[str, object]:
        """What LeRobot's info.json records about the encoding."""
        return {
            "video.codec": self.codec.value,
            "video.pix_fmt": self.pix_fmt,
            "video.g": self.gop,
            "video.extra_options": dict(_OPTIONS[self.codec]),
        }

    def options(self, threads: int) -> dict[str, str]:
        """The encoder's options: the same bytes every time, as VideoEncoding.options says, whatever `threads` is."""
        options = {"g": str(self.gop), **_OPTIONS[self.codec]}
        if self.codec is VideoCodec.AV1:
            preset = CODECS[self.codec].default_preset or ""
            return {**options, "preset": preset, "svtav1-params": f"lossless=1:lp={min(threads, 6)}"}
        if self.codec is VideoCodec.H264:
            return {**options, "bf": "0", "threads": "1", "x264-params": "cpu-independent=1"}
        same_bytes = "pools=1:frame-threads=1:info=0:open-gop=0:log-level=error"
        return {**options, "bf": "0", "x265-params": f"lossless=1:{same_bytes}"}
