"""Files of several episodes: LeRobot finds every frame, and what is joined is what was encoded."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from augmentation_worker.media.video.check import check_video
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.segment import VideoSegment
from tests.fixtures.field.cameras import Encoding, decoded, rotations, turn, write_video
from tests.fixtures.field.metadata import change_episodes
from tests.integration.worker import lerobot_recorder
from tests.integration.worker.datasets import episodes
from tests.integration.worker.lerobot_recorder import Kind, record
from tests.integration.worker.test_folders import run_of
from tests.lerobot_check import Expected, check_all_open_in_lerobot

TOP, SIDE = "observation.images.top", "observation.images.side"
LENGTHS, COPIES = (7, 5, 1, 6), 3
WRITTEN: list[tuple[float, dict[str, str], tuple[object, ...]]] = [
    (30, {"profile": "small"}, ("av1", 32, 10, 8)),
    (29.97, {"profile": "fast"}, ("h264", None, None, None)),  # as the source, whose entry has no numbers
    (12.5, {"codec": "hevc"}, ("hevc", 28, 2, None)),
]
"""By frame rate: what the spec says of the videos, and what info.json then says of their codec, crf, gop and preset."""


def made(folder: Path, name: str, source: Path, video: dict[str, str]) -> Path:
    spec: dict[str, Any] = {
        "augmentation": {"copies": COPIES, "seed": 3, "transforms": ["lighting"]},
        "output": {"video": video},
    }
    run_of(folder / f"job-{name}", source, folder / name, **spec).run_all(1)
    return folder / name


def new_videos(folder: Path, camera: str) -> list[Path]:
    return sorted((folder / "videos" / camera).rglob("*.mp4"))[1:]


def frames_of(folder: Path, camera: str, row: dict[str, Any], rate: Fraction) -> torch.Tensor:
    """As LeRobot finds them: by the times of an episode in its file."""
    number = row[f"videos/{camera}/chunk_index"], row[f"videos/{camera}/file_index"]
    path = folder / f"videos/{camera}/chunk-{number[0]:03d}/file-{number[1]:03d}.mp4"
    first = round(row[f"videos/{camera}/from_timestamp"] * rate)
    return torch.from_numpy(np.concatenate(list(decode_segment(VideoSegment(path, first, row["length"], rate)))))


def recorded_with_the_last_one_turned(folder: Path) -> Path:
    """A dataset whose last episode lies in a file of its own that is shown turned, as its camera was."""
    source = record(folder, "v3.0", {TOP: Kind.VIDEO}, LENGTHS)
    first = source / f"videos/{TOP}/chunk-000/file-000.mp4"
    second = first.with_name("file-001.mp4")
    frames, own = decoded(first), LENGTHS[-1]
    write_video(second, list(frames[-own:]), Encoding("libx264"), lerobot_recorder.FPS)
    turn(second)
    rows = episodes(source)
    places = {
        name: [*rows.column(f"videos/{TOP}/{name}").to_pylist()[:-1], last]
        for name, last in (("file_index", 1), ("from_timestamp", 0.0), ("to_timestamp", own / lerobot_recorder.FPS))
    }
    change_episodes(source, **{f"videos__{TOP}__{name}": values for name, values in places.items()})
    return source


def check_turned(folder: Path, source: Path) -> Expected:
    """One file holds what looks alike, the next one, under the number kept free for it, what does not."""
    made(folder, "turned", source, {"codec": "h264"})
    result = folder / "turned"
    added = episodes(result).to_pylist()[len(LENGTHS) :]
    before, after = (list(group) for group in (added[:-COPIES], added[-COPIES:]))
    assert {row[f"videos/{TOP}/file_index"] for row in before} == {2}
    (number,) = {row[f"videos/{TOP}/file_index"] for row in after}
    assert number > 2
    assert [row[f"videos/{TOP}/from_timestamp"] for row in after] == [
        copy * LENGTHS[-1] / lerobot_recorder.FPS for copy in range(COPIES)
    ]
    file = result / f"videos/{TOP}/chunk-000/file-{number:03d}.mp4"
    assert rotations(file) == [-90] * COPIES * LENGTHS[-1]
    assert set(rotations(file.with_name("file-002.mp4"))) == {0}
    assert len(new_videos(result, TOP)) == 3  # one of them is the source's second
    return Expected(str(result), "lab/turned", len(LENGTHS) * (1 + COPIES), sum(LENGTHS) * (1 + COPIES))


def test_every_frame_of_a_packed_file_is_where_lerobot_looks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = []
    for fps, video, said in WRITTEN:
        monkeypatch.setattr(lerobot_recorder, "FPS", fps)
        codec = str(said[0])
        folder, rate = tmp_path / codec, Fraction(str(fps))
        source = record(folder / "source", "v3.0", {TOP: Kind.VIDEO, SIDE: Kind.VIDEO}, LENGTHS)
        packed = made(folder, "packed", source, video)
        info = json.loads((source / "meta/info.json").read_text())
        entry = json.loads((packed / "meta/info.json").read_text())["features"][TOP]["info"]
        assert tuple(entry.get(f"video.{key}") for key in ("codec", "crf", "g", "preset")) == said
        (source / "meta/info.json").write_text(json.dumps({**info, "video_files_size_in_mb": 1e-6}))
        alone = made(folder, "alone", source, video)
        for camera in (TOP, SIDE):
            (one,) = new_videos(packed, camera)
            assert len(new_videos(alone, camera)) == len(LENGTHS)
            check_video(one, rate, COPIES * sum(LENGTHS))
            places = zip(episodes(packed).to_pylist(), episodes(alone).to_pylist(), strict=True)
            for row, other in list(places)[len(LENGTHS) :]:
                assert torch.equal(frames_of(packed, camera, row, rate), frames_of(alone, camera, other, rate))
        begins = episodes(packed).column(f"videos/{TOP}/from_timestamp").to_pylist()[len(LENGTHS) :]
        lengths = [length for length in LENGTHS for _ in range(COPIES)]
        assert begins == [float(Fraction(int(first)) / rate) for first in np.cumsum([0, *lengths[:-1]])]
        total = len(LENGTHS) * (1 + COPIES), sum(LENGTHS) * (1 + COPIES)
        expected.append(Expected(str(packed), f"lab/{codec}", *total))
    monkeypatch.undo()
    expected.append(check_turned(tmp_path / "turned", recorded_with_the_last_one_turned(tmp_path / "source")))
    check_all_open_in_lerobot(expected)
