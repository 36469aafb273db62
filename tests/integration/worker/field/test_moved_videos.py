"""Depths and masks that are stored as video and move with their camera: exact values, in the source's codec."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from augmentation_api import Augmentation, AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.resolve import resolve
from augmentation_worker.storage.folder.source import FolderSource
from augmentation_worker.transforms.pipeline import sample_pipeline
from tests.integration.worker.field.test_geometry import images
from tests.integration.worker.lerobot_recorder import Kind, read_depths, record, write_depths
from tests.integration.worker.test_folders import run_of

TOP, WRIST, DEPTH = "observation.images.top", "observation.images.wrist", "observation.images.depth"
LENGTHS = (5, 4)
MOVING: dict[str, Any] = {
    "cameras": [TOP],
    "transforms": ["affine", "cropResize"],
    "copies": 2,
    "seed": 7,
    "affine": {"drift": 1, "rotation": {"min": 15, "max": 20}, "border": "black"},
    "alsoApplyTo": {TOP: [DEPTH]},
}


def depths(folder: Path) -> list[np.ndarray]:
    return [frame for path in sorted(folder.glob(f"videos/**/{DEPTH}/**/*.mp4")) for frame in read_depths(path)]


def test_depths_as_lerobot_records_them_move_without_a_loss(tmp_path: Path) -> None:
    cameras = {TOP: Kind.PNG, DEPTH: Kind.DEPTH_VIDEO}
    source, result = record(tmp_path / "source", "v3.0", cameras, LENGTHS), tmp_path / "result"
    run_of(tmp_path / "job", source, result, augmentation=MOVING).run_all(2)
    # The camera is PNG, and its red is the depth in other numbers: what was moved to the nearest pixel is near it.
    seen, deep = images(result, TOP), depths(result)
    assert len(seen) == len(deep) == 3 * sum(LENGTHS)
    assert (np.array(deep[:9]) == depths(source)).all()
    allowed = {*np.unique(depths(source)), 0}
    for number, (frame, depth) in enumerate(zip(seen[9:], deep[9:], strict=True)):
        assert set(np.unique(depth)) <= allowed
        inside = depth > 0
        assert np.abs(frame[..., 0][inside].astype(int) - (depth[inside].astype(int) - 7) // 16).mean() < 3, number
        assert not np.array_equal(depth, deep[number % 9])
    facts = json.loads((result / "meta/info.json").read_text())["features"][DEPTH]
    assert facts == json.loads((source / "meta/info.json").read_text())["features"][DEPTH]
    files = sorted((result / "videos" / DEPTH).rglob("*.mp4"))
    assert len(files) == 3  # the source's, and one for each episode's copies
    for file in files:
        with av.open(str(file)) as video:
            assert video.streams.video[0].codec_context.pix_fmt == "gray12le"
            assert video.streams.video[0].codec_context.name == "hevc"
    assert f"| Moved with their camera | {DEPTH} with {TOP} |" in (result / "README.md").read_text()


@pytest.mark.parametrize("mode", ["copy", "inPlace"])
def test_videos_of_an_older_dataset_move_in_files_of_their_own(mode: str, tmp_path: Path) -> None:
    source = record(tmp_path / "source", "v2.1", {TOP: Kind.VIDEO, WRIST: Kind.VIDEO, DEPTH: Kind.DEPTH_VIDEO}, LENGTHS)
    result, spec = tmp_path / "result", {**MOVING, "episodes": "1", "copies": 1}
    run_of(tmp_path / "job", source, result, augmentation=spec, output={"mode": mode}).run_all()
    before, after = depths(source), depths(result)
    kept, moved = (after[:5], after[5:]) if mode == "inPlace" else (after[:9], after[9:])
    assert (np.array(kept) == before[: len(kept)]).all()
    assert len(moved) == 4
    pipeline = sample_pipeline(
        Augmentation.model_validate(spec), camera=TOP, episode=1, copy=0, episode_mean=(0.5, 0.5, 0.5)
    )
    assert pipeline.geometry is not None
    for frame, (seen, source_depth) in enumerate(zip(moved, before[5:], strict=True)):
        assert (seen == pipeline.geometry.follow(source_depth, frame)).all()
    total = len(list((result / "videos").rglob("*.mp4")))
    assert total == (6 if mode == "inPlace" else 9)


def resolved(source: Path) -> None:
    spec = {"source": {"hub": {"repoID": "lab/odd"}}, "augmentation": MOVING}
    resolve(FolderSource(source, "lab/odd"), AugmentationJobSpec.model_validate(spec), None)


def test_a_video_that_cannot_be_written_again_is_refused_in_resolve(tmp_path: Path) -> None:
    source = record(tmp_path / "source", "v3.0", {TOP: Kind.VIDEO, DEPTH: Kind.DEPTH_VIDEO}, LENGTHS)
    resolved(source)
    (file,) = (source / "videos" / DEPTH).rglob("*.mp4")
    frames = read_depths(file)
    other_shape = f"{DEPTH} shows 40x48 pixels, which is not the shape of the frames of {TOP} \\(64x48\\)"
    for encoder, width, words in (
        ("ffv1", 64, f"{DEPTH} is stored as ffv1 gray12le, which cannot be written again without a loss"),
        ("libx265", 40, other_shape),
    ):
        write_depths(file, [values[:, :width] for values in frames], encoder)
        with pytest.raises(WorkerFailure, match=rf"spec\.augmentation\.alsoApplyTo: {words}") as refused:
            resolved(source)
        assert refused.value.reason is FailureReason.SPEC_UNSUPPORTED
