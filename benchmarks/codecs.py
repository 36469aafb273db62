"""What a video costs in each codec and preset: processor time, bytes, quality, and reading it at random.

    python -m benchmarks.codecs [--short] [--footage FILE.mp4 ...]

Frames are encoded as the worker encodes them, by one thread, and read by LeRobot's own loader (`.venv-lerobot`; without
it that column is empty). Time is processor time of all threads, the best of rounds in which all take turns. Quality is
FFmpeg's PSNR of the luma and its SSIM, of what is decoded against what was encoded.
"""

import argparse
import hashlib
import json
import math
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import av.filter
import numpy as np

from augmentation_api.video_output import VideoOutput
from augmentation_api.vocabulary import VideoCodec, VideoProfile
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from benchmarks.figures import CHECKOUT, Axis, Cell, Figures, Plot, Series, Table
from benchmarks.footage import Footage, camera_footage, generated_footage, pusht_footage, read_footage
from benchmarks.image_allocator import allocator_settings, restart_as_in_image

LEROBOT_PYTHON = CHECKOUT / ".venv-lerobot" / "bin" / "python"
FPS = 30
DECODERS = ("torchcodec", "pyav")
"""LeRobot's: its default, and where that cannot be loaded."""
GOPS = (2, 10)
AV1_CRF = 30
ENCODINGS = [
    *(VideoEncoding(VideoCodec.AV1, crf=AV1_CRF, preset=preset) for preset in ("8", "10", "11", "12", "13")),
    *(VideoEncoding(VideoCodec.H264, crf=22, preset=preset) for preset in ("ultrafast", "veryfast", "medium")),
    *(VideoEncoding(VideoCodec.HEVC, crf=26, preset=preset) for preset in ("ultrafast", "medium")),
]
_ENCODERS = {VideoCodec.AV1: "SVT-AV1", VideoCodec.H264: "x264", VideoCodec.HEVC: "x265"}


@dataclass
class Trial:
    """An encoding of some footage, and what is measured of it.

    Attributes:
        seconds: processor time of encoding a frame.
        size: bytes per frame.
        digest: of the encoded packets.
        psnr: of the luma, dB.
        ssim: of all planes; 1 is equal.
        read_seconds: by LeRobot's decoder, processor time of reading a frame at random; none without LeRobot's loader.
    """

    footage: Footage
    encoding: VideoEncoding
    path: Path
    seconds: float = math.inf
    size: float = 0
    digest: str = ""
    psnr: float = 0
    ssim: float = 0
    read_seconds: dict[str, float] = field(default_factory=dict)

    def encode(self) -> None:
        """Encode the footage once more; the least time counts."""
        frames = self.footage.frames
        started = time.process_time()
        with VideoEncoder(self.path, self.encoding, fps=FPS, width=frames[0].width, height=frames[0].height) as encoder:
            for frame in frames:
                encoder.encode(frame)
        self.seconds = min(self.seconds, (time.process_time() - started) / len(frames))

    def compare(self) -> None:
        """Measure what was written last."""
        with av.open(self.path) as container:
            packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        self.size = sum(map(len, packets)) / len(self.footage.frames)
        self.digest = hashlib.sha256(b"".join(packets)).hexdigest()
        frames = self.footage.frames
        comparison = _Comparison(frames[0].width, frames[0].height)
        with av.open(self.path) as container:
            scores = [
                comparison.score(decoded, original, number)
                for number, (decoded, original) in enumerate(zip(container.decode(video=0), frames, strict=True))
            ]
        squared_error, self.ssim = np.mean(scores, axis=0).tolist()
        self.psnr = 10 * math.log10(255**2 / squared_error)

    def row(self) -> list[Cell]:
        """Its row of a table."""
        return [
            f"{_ENCODERS[self.encoding.codec]} {self.encoding.preset or 'medium'} crf {self.encoding.crf:g}",
            self.encoding.gop,
            1000 * self.seconds,
            self.size / 1024,
            self.psnr,
            self.ssim,
            *(1000 * self.read_seconds[each] if each in self.read_seconds else None for each in DECODERS),
        ]


class _Comparison:
    """FFmpeg's filters `psnr` and `ssim`, which compare two streams frame by frame."""

    def __init__(self, width: int, height: int) -> None:
        self._graphs = []
        for name in ("psnr", "ssim"):
            graph = av.filter.Graph()
            inputs = [
                graph.add_buffer(
                    width=width, height=height, format=av.VideoFormat("yuv420p"), time_base=Fraction(1, FPS)
                )
                for _ in range(2)
            ]
            comparison, sink = graph.add(name), graph.add("buffersink")
            for number, source in enumerate(inputs):
                source.link_to(comparison, 0, number)
            comparison.link_to(sink)
            graph.configure()
            self._graphs.append((graph, inputs, sink))

    def score(self, decoded: av.VideoFrame, original: av.VideoFrame, number: int) -> tuple[float, float]:
        """The squared error of the luma and the SSIM of all planes."""
        found: dict[str, str] = {}
        for _, inputs, sink in self._graphs:
            for source, frame in zip(inputs, (decoded, original), strict=True):
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                source.push(frame)
            found |= sink.pull().metadata
        return float(found["lavfi.psnr.mse.y"]), float(found["lavfi.ssim.All"])


def read_at_random(trials: Sequence[Trial], reads: int, rounds: int) -> None:
    """Let LeRobot's loader read frames of all videos at random; without it nothing is measured."""
    if not LEROBOT_PYTHON.exists():
        return
    videos = [{"path": str(each.path), "fps": FPS, "frames": len(each.footage.frames)} for each in trials]
    # Who trains has not the allocator's settings of the worker's image.
    environment = {name: value for name, value in os.environ.items() if name not in allocator_settings()}
    with tempfile.TemporaryDirectory() as folder:
        answer = subprocess.run(
            [LEROBOT_PYTHON, CHECKOUT / "benchmarks" / "random_access.py", str(reads), str(rounds)],
            input=json.dumps(videos),
            capture_output=True,  # it warns where torchcodec finds no FFmpeg
            text=True,
            check=True,
            env={**environment, "LD_LIBRARY_PATH": str(name_ffmpeg(Path(folder)))},
        )
    for decoder, seconds in json.loads(answer.stdout).items():
        for trial, each in zip(trials, seconds, strict=True):
            trial.read_seconds[decoder] = each


def name_ffmpeg(folder: Path) -> Path:
    """Links to the FFmpeg that PyAV brings to LeRobot, by the names under which torchcodec looks for one."""
    for library in LEROBOT_PYTHON.parents[1].glob("lib/python3*/site-packages/av.libs/lib*.so.*"):
        if found := re.fullmatch(r"(lib(?:av|sw)\w+)-[0-9a-f]+(\.so\.[0-9]+)[.0-9]*", library.name):
            (folder / "".join(found.groups())).symlink_to(library)
    return folder


def measure(footage: Sequence[Footage], encodings: Sequence[VideoEncoding], *, rounds: int, reads: int) -> list[Trial]:
    """Encode, compare and read all footage in all encodings."""
    with tempfile.TemporaryDirectory() as folder:
        pairs = [(each, encoding) for each in footage for encoding in encodings]
        trials = [Trial(*pair, Path(folder) / f"{number}.mp4") for number, pair in enumerate(pairs)]
        for _ in range(rounds):
            for trial in trials:
                trial.encode()
        for trial in trials:
            trial.compare()
        read_at_random(trials, reads, rounds)
    return trials


def profile_encodings() -> dict[VideoProfile, VideoEncoding]:
    """What each profile makes of a dataset as LeRobot records it."""
    return {each: VideoEncoding().overridden_by(VideoOutput(profile=each)) for each in VideoProfile}


def profile_rows(trials: Sequence[Trial]) -> list[list[Cell]]:
    """What each profile costs on some footage, as a multiple of like-source."""
    of_profile = {
        profile: next(each for each in trials if each.encoding == encoding)
        for profile, encoding in profile_encodings().items()
    }
    like = of_profile[VideoProfile.LIKE_SOURCE]
    return [
        [
            like.footage.name,
            profile.value,
            each.seconds / like.seconds,
            each.size / like.size,
            each.psnr,
            each.ssim,
            *(
                each.read_seconds[name] / like.read_seconds[name] if name in like.read_seconds else None
                for name in DECODERS
            ),
        ]
        for profile, each in of_profile.items()
    ]


def answer(profiles: Sequence[Sequence[Cell]]) -> str:
    """What is to be known of the profiles, in a sentence."""

    def span(profile: VideoProfile, column: int) -> str:
        values = [float(str(row[column])) for row in profiles if row[1] == profile.value]
        return f"{min(values):.2f} to {max(values):.2f}"

    fast, small = VideoProfile.FAST, VideoProfile.SMALL
    return (
        f"The profile fast takes {span(fast, 2)} of like-source's encoding time and {span(fast, 3)} of its bytes, "
        f"small {span(small, 2)} and {span(small, 3)}."
    )


def equal_presets(trials: Sequence[Trial], gop: int) -> list[str]:
    """The presets of AV1 that wrote the same bytes on every footage as the preset before them, with that one."""
    written: dict[str, list[str]] = {}
    for trial in trials:
        if trial.encoding.codec is VideoCodec.AV1 and trial.encoding.gop == gop and trial.encoding.crf == AV1_CRF:
            written.setdefault(str(trial.encoding.preset), []).append(trial.digest)
    ordered = sorted(written, key=int)
    pairs = [(before, after) for before, after in pairwise(ordered) if written[before] == written[after]]
    return sorted({preset for pair in pairs for preset in pair}, key=int)


def same_bytes(trials: Sequence[Trial], gop: int) -> str:
    """A sentence about presets of AV1 that are one."""
    presets = equal_presets(trials, gop)
    if not presets:
        return f"With a key frame every {gop} frames each preset of SVT-AV1 writes other bytes."
    return f"With a key frame every {gop} frames SVT-AV1 writes the same bytes with presets {', '.join(presets)}."


def slowest_first(trials: Sequence[Trial]) -> list[Trial]:
    """By time; presets that wrote the same bytes are one, with the mean of their times, and come by their names.

    They do the same work, and what differs between their times is noise.
    """
    together: dict[str, list[Trial]] = {}
    for trial in trials:
        together.setdefault(trial.digest, []).append(trial)
    groups = sorted(together.values(), key=lambda group: -sum(each.seconds for each in group) / len(group))
    # Numbers as numbers: 9 comes before 10.
    by_name = (
        sorted(group, key=lambda each: (len(str(each.encoding.preset)), str(each.encoding.preset))) for group in groups
    )
    return [trial for group in by_name for trial in group]


def time_and_size(trials: Sequence[Trial]) -> Plot:
    """A point for each encoding of some footage with a key frame every second frame; slower presets lie higher."""
    shown = [each for each in trials if each.encoding.gop == GOPS[0]]

    def of_codec(codec: VideoCodec) -> Sequence[float | None]:
        return [1000 * each.seconds if each.encoding.codec is codec else None for each in shown]

    def label(codec: VideoCodec, name: str) -> str:
        ordered = slowest_first([each for each in shown if each.encoding.codec is codec])
        return f"{name}: from above {', '.join(str(each.encoding.preset) for each in ordered)}"

    return Plot(
        f"Time against size, a key frame every {GOPS[0]} frames: {shown[0].footage.name}",
        "scatter",
        Axis("KiB a frame", [each.size / 1024 for each in shown]),
        "ms a frame",
        [Series(label(codec, name), of_codec(codec)) for codec, name in _ENCODERS.items()],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="few frames, one round: for development, in a minute")
    parser.add_argument("--footage", type=Path, action="append", default=[], help="measure this video too")
    options = parser.parse_args()
    restart_as_in_image()
    frames, rounds, reads = (12, 1, 5) if options.short else (60, 2, 20)
    pusht = pusht_footage(frames)
    footage = [pusht, generated_footage(frames)]
    if (camera := camera_footage(frames)) is not None:
        footage.insert(0, camera)
    footage += [read_footage(path, frames) for path in options.footage]
    encodings = [replace(encoding, gop=gop) for gop in GOPS for encoding in ENCODINGS]
    encodings += [each for each in profile_encodings().values() if each not in encodings]
    for clean in footage[:]:
        if clean.name != pusht.name:
            footage.insert(footage.index(clean) + 1, clean.noisy())
    trials = measure(footage, encodings, rounds=rounds, reads=reads)
    measured = [[each for each in trials if each.footage is one] for one in footage]
    reading = ["random read", "by PyAV"]
    profiles = [row for of_one in measured for row in profile_rows(of_one)]
    of_profiles = ["footage", "profile", "encoding time", "bytes", "PSNR, dB", "SSIM", *reading]
    columns = ["encoder", "key frame every", "ms a frame", "KiB a frame", "PSNR, dB", "SSIM", *reading]
    figures = Figures(
        title="Codecs and presets",
        what="What a frame costs in each codec and preset: processor time of encoding, bytes, quality against what was "
        "encoded, and processor time (ms) of reading one frame at random by LeRobot's loader, with its default decoder "
        "torchcodec, and with PyAV, which opens the file each time. The profiles of spec.output.video are multiples of "
        "like-source, here LeRobot's default: AV1, preset 12, crf 30, a key frame every 2 frames.",
        command="python -m benchmarks.codecs",
        tables=[
            Table("Profiles", of_profiles, profiles),
            *(Table(of_one[0].footage.name, columns, [each.row() for each in of_one]) for of_one in measured),
        ],
        plots=[time_and_size(of_one) for of_one in measured[:2]],
        notes=[answer(profiles), *(same_bytes(trials, gop) for gop in GOPS)],
        short=options.short,
    )
    figures.print()
    figures.write("codecs")


if __name__ == "__main__":
    main()
