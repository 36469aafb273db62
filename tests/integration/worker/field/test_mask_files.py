"""Masks in videos and in folders of files: what they keep, and what is said of those that cannot be used."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augmentation_api import Augmentation, AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.camera_masks import masks_of
from augmentation_worker.formats.lerobot.metadata import load_metadata
from augmentation_worker.formats.lerobot.resolve import resolve
from augmentation_worker.local import reproduce
from augmentation_worker.storage.folder.source import FolderSource
from tests.fixtures.field.masks import picture_of, square_of, with_mask_folder, with_mask_video, with_moving_square
from tests.integration.worker.field.test_background import (
    HARD,
    augmented_episodes,
    color_of,
    expected,
    frames_of,
)
from tests.integration.worker.lerobot_recorder import Kind, record
from tests.integration.worker.test_folders import run_of
from tests.lerobot_check import check_opens_in_lerobot

TOP, FILM, MASK, DEPTH = "observation.images.top", "observation.film", "observation.masks.top", "observation.depth.top"
LENGTHS = (6, 4)
FOLDER = "labels/top"
BACKGROUND: dict[str, Any] = {"cameras": [TOP], "transforms": ["background"], "background": HARD, "copies": 2}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera with its masks as video, and as files; and depths."""
    cameras = {TOP: Kind.PNG, MASK: Kind.VIDEO, DEPTH: Kind.DEPTH_VIDEO, "mask": Kind.MASK}
    folder = record(tmp_path_factory.mktemp("masks") / "source", "v3.0", cameras, LENGTHS)
    with_moving_square(folder, "mask", TOP)
    return with_mask_folder(with_mask_video(folder, MASK), FOLDER)


def check_kept(result: Path) -> None:
    made = iter(frames_of(result, TOP)[sum(LENGTHS) :])
    for episode in augmented_episodes(result):
        index = episode["sourceEpisodeIndex"]
        pictures = [picture_of(frame, index) for frame in range(LENGTHS[index])]
        color = color_of(episode["cameras"][TOP]["parameters"])
        assert (np.stack([next(made) for _ in pictures]) == expected(pictures, index, color)).all()


@pytest.mark.parametrize("mask", [MASK, FOLDER, f"{FOLDER}/"])
def test_every_frame_keeps_what_its_own_mask_keeps(mask: str, source: Path, tmp_path: Path) -> None:
    spec = {**BACKGROUND, "masks": {TOP: mask}}
    run_of(tmp_path / "job", source, tmp_path / "result", augmentation=spec).run_all()
    check_kept(tmp_path / "result")


def test_a_result_that_was_made_with_masks_and_depths_is_read_and_made_again(source: Path, tmp_path: Path) -> None:
    spec = {
        **BACKGROUND,
        "transforms": ["affine", "background", "occlusion"],
        "affine": {"drift": 1},
        "occlusion": {"where": "onMask"},
        "masks": {TOP: MASK},
        "alsoApplyTo": {TOP: [MASK, DEPTH, "mask"]},
    }
    result, again = tmp_path / "result", tmp_path / "again"
    run_of(tmp_path / "job", source, result, augmentation=spec).run_all(2)
    check_opens_in_lerobot(result, "lab/masked", 6, 30)
    recorded = reproduce.recorded_in(result)
    run_of(tmp_path / "job2", source, again, augmentation=recorded.spec.augmentation.to_wire()).run_all()
    hashes = reproduce.recorded_in(again).hashes
    assert {camera for _, camera in hashes} == {TOP, MASK, DEPTH}
    assert reproduce.differences(recorded.hashes, hashes) == []


@pytest.mark.parametrize(
    "name", ["episode-{episode:06d}/frame-{frame:06d}.png", "episode_{episode:06d}/{frame:06d}.png"]
)
def test_files_may_be_named_as_newer_lerobot_names_images(name: str, source: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(source, tmp_path / "source", ignore=shutil.ignore_patterns("labels"))
    with_mask_folder(copied, "masks", name)
    spec = {**BACKGROUND, "masks": {TOP: "masks"}, "copies": 1, "episodes": "1"}
    run_of(tmp_path / "job", copied, tmp_path / "result", augmentation=spec).run_all()
    check_kept(tmp_path / "result")


def resolved(source: Path, mask: str, **spec: Any) -> tuple[str, ...]:
    asked = {"source": {"hub": {"repoID": "lab/odd"}}, "augmentation": {**BACKGROUND, "masks": {TOP: mask}}, **spec}
    return resolve(FolderSource(source, "lab/odd"), AugmentationJobSpec.model_validate(asked), None).warnings


def test_episodes_without_all_of_their_masks_are_found_in_resolve(source: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(source, tmp_path / "source"))
    for frame in (2, 5):
        (copied / FOLDER / f"episode_000000/frame_{frame:06d}.png").unlink()
    lost = (
        f"spec.augmentation.masks.{TOP}: {FOLDER}: episode 0 has no mask of frame 2 and 1 more frame "
        f"({FOLDER}/episode_000000/frame_000002.png)"
    )
    with pytest.raises(WorkerFailure) as refused:
        resolved(copied, FOLDER)
    assert refused.value.reason is FailureReason.SOURCE_INVALID
    assert lost in refused.value.message
    (said,) = [warning for warning in resolved(copied, FOLDER, onBadEpisode="skip") if "left out" in warning]
    assert lost in said
    spec = {**BACKGROUND, "masks": {TOP: FOLDER}}
    run_of(tmp_path / "job", copied, tmp_path / "result", augmentation=spec, onBadEpisode="skip").run_all()
    assert [episode["sourceEpisodeIndex"] for episode in augmented_episodes(tmp_path / "result")] == [1, 1]
    found = json.loads((tmp_path / "result/meta/bad_episodes.json").read_text())
    assert "no mask of frame 2" in found["causes"][0]["cause"]
    shutil.copy(
        copied / FOLDER / "episode_000001/frame_000003.png", copied / FOLDER / "episode_000001/frame_000004.png"
    )
    with pytest.raises(WorkerFailure, match="episode 1 has 4 frames, and masks beyond them"):
        run_of(tmp_path / "job2", copied, tmp_path / "no", augmentation={**spec, "episodes": "1"}).run_all()
    with pytest.raises(WorkerFailure, match=r"no stream 'other'; .*, or a folder of the source with episode_0"):
        resolved(copied, "other")


def test_what_is_wrong_with_a_mask_video_is_said(source: Path, tmp_path: Path) -> None:
    copied = with_mask_video(Path(shutil.copytree(source, tmp_path / "source")), MASK, size=(48, 60))
    with pytest.raises(WorkerFailure, match=f"{MASK} shows 60x48 pixels, its camera 64x48"):
        resolved(copied, MASK)
    # Ids as grey values, which a codec changes.
    with_mask_video(copied, MASK, white=20)
    spec = {**BACKGROUND, "masks": {TOP: MASK}}
    with pytest.raises(WorkerFailure, match=r"the brightest value of all masks of the episode is \d+ of 255"):
        run_of(tmp_path / "job", copied, tmp_path / "no", augmentation=spec).run_all()
    with_mask_video(copied, MASK, lost=1)
    with pytest.raises(WorkerFailure, match=rf"episode 1, camera {MASK}, .*: the video ends there"):
        resolved(copied, MASK)


@pytest.mark.parametrize("mask", [MASK, FOLDER])
def test_masks_are_those_of_the_frames_that_are_asked_for(mask: str, source: Path) -> None:
    opened = FolderSource(source, "lab/odd")
    metadata = load_metadata(opened)
    augmentation = Augmentation.model_validate({**BACKGROUND, "masks": {TOP: mask}})
    masks = masks_of(augmentation, metadata, metadata.episodes[0], TOP, opened)
    assert masks is not None
    for first, count in [(0, 2), (2, 2), (0, 1), (4, 2), (1, 3), (5, 1), (0, 6), (0, 2)]:
        kept = np.stack([square_of(frame, 0) for frame in range(first, first + count)])
        assert np.array_equal(masks(first, count, 48, 64), np.where(kept, 255, 0))


def test_a_mask_that_is_smaller_than_its_frame_leaves_its_episode_out(source: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(source, tmp_path / "source"))
    Image.new("L", (32, 24)).save(copied / FOLDER / "episode_000001/frame_000003.png")
    spec = {**BACKGROUND, "masks": {TOP: FOLDER}}
    with pytest.raises(WorkerFailure, match=r"episode 1: mask labels/top, frame 3 in .*: the mask has 32x24 pixels"):
        run_of(tmp_path / "job", copied, tmp_path / "no", augmentation=spec).run_all()
