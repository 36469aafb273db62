"""The codecs of augmented videos: their names, encoders and limits. Neither torch nor PyAV is needed to ask."""

from dataclasses import dataclass

from augmentation_api.video_output import CODEC_PRESETS, MAX_CRF
from augmentation_api.vocabulary import VideoCodec


@dataclass(frozen=True)
class Codec:
    """A codec that videos can be written in.

    Attributes:
        name: its name in a job's spec, in LeRobot's info.json and in FFmpeg.
        synonyms: other names under which datasets record it, encoders' among them, in lower case.
        software_encoder: FFmpeg's name of the encoder that runs on the CPU.
        nvenc_encoder: FFmpeg's name of NVIDIA's hardware encoder.
        pix_fmts: pixel formats of a source that are kept. Frames are augmented with 8 bits per channel, but copies of a
            source of 10 bits have 10, as info.json has one entry for both. Any other format becomes yuv420p, which
            every decoder takes.
        default_crf: AV1: LeRobot's. H.264, HEVC: the encoders' own defaults; 30 is poor for them.
        default_preset: AV1: LeRobot's. None: the encoder's own, `medium`.
        takes_odd_sizes: whether frames may have odd sides where chroma is halved.
    """

    name: VideoCodec
    synonyms: frozenset[str]
    software_encoder: str
    nvenc_encoder: str
    pix_fmts: frozenset[str]
    default_crf: float
    default_preset: str | None = None
    takes_odd_sizes: bool = False

    @property
    def presets(self) -> tuple[str, ...]:
        """Names or numbers that the encoder takes for its trade of time for size."""
        return CODEC_PRESETS[self.name]

    @property
    def max_crf(self) -> int:
        """Largest constant rate factor, of a scale that is the codec's own."""
        return MAX_CRF[self.name]


_EIGHT_BITS = frozenset({"yuv420p", "yuv422p", "yuv444p"})
_TEN_BITS = frozenset({"yuv420p10le", "yuv422p10le", "yuv444p10le"})

AV1 = Codec(
    VideoCodec.AV1,
    synonyms=frozenset({"libsvtav1", "libaom-av1"}),
    software_encoder="libsvtav1",
    nvenc_encoder="av1_nvenc",
    pix_fmts=frozenset({"yuv420p", "yuv420p10le"}),
    default_crf=30,
    default_preset="12",
    takes_odd_sizes=True,
)
H264 = Codec(
    VideoCodec.H264,
    synonyms=frozenset({"libx264", "avc1"}),
    software_encoder="libx264",
    nvenc_encoder="h264_nvenc",
    pix_fmts=_EIGHT_BITS | _TEN_BITS,
    default_crf=23,
)
HEVC = Codec(
    VideoCodec.HEVC,
    synonyms=frozenset({"libx265", "h265"}),
    software_encoder="libx265",
    nvenc_encoder="hevc_nvenc",
    pix_fmts=_EIGHT_BITS | _TEN_BITS,
    default_crf=28,
)
CODECS = {codec.name: codec for codec in (AV1, H264, HEVC)}
CODEC_LIST = ", ".join(CODECS)
"""Their names, for messages."""

LARGEST_SIDE = 8192
"""Most pixels per side of a frame: more would take more memory than a pod has."""

DEFAULT_CODEC = AV1
"""What copies are written in whose source's codec cannot be written. LeRobot records in it and reads it wherever it
runs, and it takes frames of every size."""


def canonical_codec(name: str) -> str:
    """The codec's usual name for the many that datasets use; in lower case one that cannot be written."""
    codec = codec_named(name)
    return name.lower() if codec is None else codec.name.value


def codec_named(name: str) -> Codec | None:
    """The codec of that name or synonym, in any case; None for one that cannot be written."""
    lower = name.lower()
    return next((codec for codec in CODECS.values() if lower == codec.name or lower in codec.synonyms), None)
