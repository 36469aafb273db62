"""The figures of the model with their provenance: figures.json, written by `benchmarks/estimate.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final

from pydantic import TypeAdapter


@dataclass(frozen=True)
class Provenance:
    """Where figures come from.

    Attributes:
        command: that measured them.
        machine: kind of processor, number of cores.
        date: YYYY-MM-DD.
        software: encoders and libraries, with their versions.
    """

    command: str
    machine: str
    date: str
    software: str = ""


@dataclass(frozen=True)
class Cost:
    """Processor time, in milliseconds of one core. All parts are added.

    Attributes:
        frame: of each frame, whatever its size.
        megapixel: of each million pixels of a frame.
        kibibyte: of each KiB that a frame takes when it is encoded: what is hard to encode takes longer.
        file: of beginning and ending a file; an episode of a camera is one, and so is each copy of it.
    """

    frame: float = 0.0
    megapixel: float = 0.0
    kibibyte: float = 0.0
    file: float = 0.0

    def of_frame(self, megapixels: float, kibibytes: float = 0.0) -> float:
        """Milliseconds of a frame."""
        return self.frame + self.megapixel * megapixels + self.kibibyte * kibibytes


@dataclass(frozen=True)
class EncodingFigures:
    """A codec with one of its presets, at the codec's default crf and at LeRobot's distance of key frames.

    Attributes:
        cost: of encoding.
        relative_bytes: bytes of a frame, with those of AV1's default as 1; of images with those of a PNG as 1.
    """

    cost: Cost
    relative_bytes: float = 1.0


@dataclass(frozen=True)
class GopFigures:
    """What a greater distance of key frames does.

    Attributes:
        gop: frames.
        time, bytes: of encoding and of a frame, with those of LeRobot's distance (2) as 1.
    """

    gop: int
    time: float
    bytes: float


@dataclass(frozen=True)
class CodecFigures:
    """What is measured of a codec.

    Attributes:
        decoding: of one frame, including its conversion to RGB.
        encoding: by preset.
        default_preset, default_crf: of the worker, where neither the source nor the job says another.
        crf_step: by how much more of crf the bytes halve.
        gops: what longer distances of key frames do, rising; between them it is interpolated.
        threads: most threads that an encoder keeps busy.
    """

    decoding: Cost
    encoding: Mapping[str, EncodingFigures]
    default_preset: str
    default_crf: float = 0.0
    crf_step: float = 0.0
    gops: tuple[GopFigures, ...] = ()
    threads: int = 1


@dataclass(frozen=True)
class TransformFigures:
    """What a transform with its default ranges takes, and makes of the bytes.

    Attributes:
        cost: of one frame.
        bytes_factor: by which the bytes of a frame are multiplied.
        added_kibibytes: that are added to it, per megapixel: noise takes bytes whatever it lies on.
        noise_factor: by which the bytes are multiplied that noise before this transform has added: a blur removes it.
    """

    cost: Cost
    bytes_factor: float = 1.0
    added_kibibytes: float = 0.0
    noise_factor: float = 1.0


@dataclass(frozen=True)
class JobFigures:
    """What a job takes in addition to its frames, seconds by the clock on a warm node.

    Attributes:
        start: until a pod of one of the phases is at work: scheduling, container, imports.
        resolve: the work of resolve.
        publish: the work of publish, without what grows with the episodes.
        episode: of one core, for each episode of each camera: its rows, records and place in a file.
        publish_episode: for each augmented episode.
        notice: until the operator has seen the end of a phase and begun the next one, all phases together.
    """

    start: float
    resolve: float
    publish: float
    episode: float
    publish_episode: float
    notice: float


@dataclass(frozen=True)
class Measurement:
    """A whole job or whole episodes that were measured, with which the model is compared.

    Attributes:
        title: what was measured.
        provenance: by what, where and when.
        seconds: measured; of the processor, or by the clock where `cores` is given.
        bytes: that were written, if that was measured.
        work: arguments of the comparison, as the test reads them.
    """

    title: str
    provenance: Provenance
    seconds: float
    work: Mapping[str, object]
    bytes: int | None = None


@dataclass(frozen=True)
class Figures:
    """All figures.

    Attributes:
        provenance: of the figures but for `job`.
        codecs: by the codec's name; png and jpeg for images.
        transforms: by name, with default ranges.
        finish: of one augmented frame: hash and statistics.
        overhead: by which whole episodes take more than the sum of their parts: threads, memory, caches.
        job: in addition to frames.
        job_provenance: of `job`.
        measurements: with which the model is compared.
    """

    provenance: Provenance
    codecs: Mapping[str, CodecFigures]
    transforms: Mapping[str, TransformFigures]
    finish: Cost
    overhead: float
    job: JobFigures
    job_provenance: Provenance
    measurements: tuple[Measurement, ...] = field(default=())


FILE: Final = "figures.json"
FIGURES: Final[Figures] = TypeAdapter(Figures).validate_json((files(__package__) / FILE).read_bytes())
"""Of this release; `benchmarks/estimate.py` measures them again."""
