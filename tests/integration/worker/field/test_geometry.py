"""Masks and depths that move with their camera, and what resolve says of those, and of calibrations, that do not."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, Features, List, Value
from datasets import Image as ImageFeature
from PIL import Image

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_api.spec import Augmentation
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.resolve import resolve as resolve_images
from augmentation_worker.formats.lerobot.resolve import resolve
from augmentation_worker.storage.folder.source import FolderSource
from augmentation_worker.transforms.pipeline import sample_pipeline
from tests.fixtures.field.calibration import EPISODE_FOCAL_LENGTH, INTRINSICS, with_intrinsics
from tests.fixtures.field.rows import change_files, replaced
from tests.integration.worker.lerobot_recorder import Kind, record
from tests.integration.worker.test_folders import run_of

TOP, MASK, DEPTH, FILM = "observation.images.top", "observation.masks.top", "observation.depth.top", "observation.film"
LENGTHS = (5, 4)
CALIBRATIONS = f"{INTRINSICS}, {TOP}.info.camera.distortion, {TOP}.fx, camera_matrices.top.rows, {EPISODE_FOCAL_LENGTH}"
MOVING = {
    "transforms": ["affine", "lighting", "perspective"],
    "copies": 2,
    "seed": 7,
    "affine": {"drift": 1, "rotation": {"min": 15, "max": 20}},
}


def images(folder: Path, column: str) -> list[np.ndarray]:
    tables = [pq.read_table(path, columns=[column]) for path in sorted(folder.glob("data/**/*.parquet"))]
    contents = [cell["bytes"] for table in tables for cell in table.column(column).to_pylist()]
    return [np.array(Image.open(BytesIO(content))) for content in contents]


def test_masks_and_depths_of_images_move_with_their_camera(tmp_path: Path) -> None:
    cameras = {TOP: Kind.PNG, MASK: Kind.MASK, DEPTH: Kind.DEPTH}
    source, result = record(tmp_path / "source", "v3.0", cameras, LENGTHS), tmp_path / "result"
    # Without lighting, the mask is the camera's red, and the depth 200 times that.
    spec = {**MOVING, "transforms": ["affine", "perspective"], "alsoApplyTo": {TOP: [MASK, DEPTH]}}
    run_of(tmp_path / "job", source, result, augmentation=spec).run_all()
    seen, masks, depths = (images(result, column) for column in cameras)
    assert len(seen) == 3 * sum(LENGTHS)
    for number, (frame, mask, depth) in enumerate(zip(seen, masks, depths, strict=True)):
        assert (depth == mask.astype(np.uint16) * 200).all()
        assert np.abs(frame[..., 0].astype(int) - mask).max() <= 3, number  # 2 levels from pixel to pixel
    originals = images(source, MASK)
    assert set(np.unique(masks)) <= set(np.unique(originals))
    assert (np.array(masks[: len(originals)]) == originals).all()
    changed = [not np.array_equal(mask, originals[place % 9]) for place, mask in enumerate(masks[9:])]
    assert all(changed)
    card = (result / "README.md").read_text()
    assert f"| Moved with their camera | {MASK} with {TOP}, {DEPTH} with {TOP} |" in card
    assert "and of what moves with them" in card


def test_a_mask_moves_with_a_camera_that_is_a_video_in_place(tmp_path: Path) -> None:
    source = record(tmp_path / "source", "v3.0", {TOP: Kind.VIDEO, MASK: Kind.MASK}, LENGTHS)
    spec = {**MOVING, "alsoApplyTo": {TOP: [MASK]}, "episodes": "1"}
    run_of(tmp_path / "job", source, tmp_path / "result", augmentation=spec, output={"mode": "inPlace"}).run_all()
    before, after = images(source, MASK), images(tmp_path / "result", MASK)
    pipeline = sample_pipeline(
        Augmentation.model_validate(spec), camera=TOP, episode=1, copy=0, episode_mean=(0.5, 0.5, 0.5)
    )
    assert pipeline.geometry is not None
    assert (np.array(after[:5]) == before[:5]).all()
    for frame in range(4):
        assert (after[5 + frame] == pipeline.geometry.follow(before[5 + frame], frame)).all()
        assert not np.array_equal(after[5 + frame], before[5 + frame])


def test_masks_have_moved_also_where_an_episode_was_left_out(tmp_path: Path) -> None:
    source = record(tmp_path / "source", "v3.0", {TOP: Kind.VIDEO, MASK: Kind.MASK}, LENGTHS)
    before = images(source, MASK)

    def with_damage(table: pa.Table) -> pa.Table:
        cells = table.column(MASK).to_pylist()
        cells[2]["bytes"] = cells[2]["bytes"][:60]
        return replaced(table, MASK, pa.array(cells, table.schema.field(MASK).type))

    change_files(source, with_damage)
    spec = {**MOVING, "alsoApplyTo": {TOP: [MASK]}, "copies": 1}
    run_of(tmp_path / "job", source, tmp_path / "result", augmentation=spec, onBadEpisode="skip").run_all()
    (rows,) = [path for path in (tmp_path / "result/data").rglob("*.parquet") if pq.read_metadata(path).num_rows == 4]
    pipeline = sample_pipeline(
        Augmentation.model_validate(spec), camera=TOP, episode=1, copy=0, episode_mean=(0.5, 0.5, 0.5)
    )
    assert pipeline.geometry is not None
    for frame, cell in enumerate(pq.read_table(rows).column(MASK).to_pylist()):
        assert (
            np.array(Image.open(BytesIO(cell["bytes"]))) == pipeline.geometry.follow(before[5 + frame], frame)
        ).all()


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera with a mask, a grey film as video, and intrinsics."""
    folder = record(
        tmp_path_factory.mktemp("calibrated") / "source", "v3.0", {TOP: Kind.PNG, MASK: Kind.MASK, FILM: Kind.VIDEO}
    )
    info = folder / "meta/info.json"
    info.write_text(info.read_text().replace('"is_depth_map": false', '"is_depth_map": true'))
    with_intrinsics(folder)
    return folder


def resolved(source: Path, **augmentation: object) -> tuple[str, ...]:
    spec = {"source": {"hub": {"repoID": "lab/odd"}}, "augmentation": augmentation}
    warnings = resolve(FolderSource(source, "lab/odd"), AugmentationJobSpec.model_validate(spec), None).warnings
    return tuple(warning for warning in warnings if " moves " in warning)


def test_resolve_names_what_does_not_move(calibrated: Path) -> None:
    streams, places = resolved(calibrated, transforms=["affine", "cropResize"], calibration="keep")
    assert streams.startswith(f"affine, cropResize moves the pixels of cameras, but not those of {MASK}, {FILM}: ")
    assert "spec.augmentation.alsoApplyTo" in streams
    assert f"the values of {CALIBRATIONS} stay the source's" in places
    (streams, _) = resolved(calibrated, transforms=["affine"], alsoApplyTo={TOP: [MASK]}, calibration="keep")
    assert f"not those of {FILM}:" in streams
    assert resolved(calibrated, transforms=["lighting"]) == ()
    (nothing,) = resolved(calibrated, transforms=["lighting"], alsoApplyTo={TOP: [MASK]})
    assert f"spec.augmentation.alsoApplyTo.{TOP} moves nothing" in nothing
    wrist = [{"camera": TOP, "transforms": ["lighting"]}]
    (exempt,) = resolved(calibrated, transforms=["affine"], perCamera=wrist, alsoApplyTo={TOP: [MASK]})
    assert "moves nothing" in exempt


def test_a_camera_with_a_calibration_is_not_moved_unless_that_is_asked_for(calibrated: Path) -> None:
    with pytest.raises(WorkerFailure) as refused:
        resolved(calibrated, transforms=["cropResize", "lighting"])
    assert refused.value.reason is FailureReason.SPEC_UNSUPPORTED
    moves = "spec.augmentation.calibration is refuse, and cropResize moves the pixels of cameras of which the dataset"
    assert f"{moves} has a calibration ({CALIBRATIONS})" in refused.value.message
    assert "keep" in refused.value.message
    for moves_nothing in ({"transforms": ["lighting"]}, {"perCamera": [{"camera": "*", "transforms": ["blur"]}]}):
        resolved(calibrated, **{"transforms": ["affine"], **moves_nothing})


@pytest.mark.parametrize(
    ("followers", "reason", "words"),
    [
        ({TOP: [TOP]}, FailureReason.SPEC_UNSUPPORTED, f"{TOP} is augmented itself"),
        ({TOP: ["mask"]}, FailureReason.SELECTION_EMPTY, f"no stream 'mask'; it has: {MASK}, {FILM}"),
        (
            {MASK: [FILM]},
            FailureReason.SELECTION_EMPTY,
            f"'{MASK}' is no camera that the job augments",
        ),
    ],
)
def test_a_stream_that_cannot_follow_is_refused(
    calibrated: Path, followers: dict[str, list[str]], reason: FailureReason, words: str
) -> None:
    with pytest.raises(WorkerFailure) as refused:
        resolved(calibrated, transforms=["affine"], alsoApplyTo=followers)
    assert refused.value.reason is reason
    assert words in refused.value.message


def segmentation(folder: Path) -> Path:
    """An image dataset of pictures, masks with a palette (Pascal VOC's form), and boxes."""
    pictures, masks = [], []
    for row in range(3):
        labels = np.zeros((48, 64), np.uint8)
        labels[10 + row : 30, 20:50] = 1
        labels[35:, :12] = 255
        mask = Image.frombytes("P", (64, 48), labels.tobytes())
        mask.putpalette([value for label in range(256) for value in (label, 255 - label, 7)])
        pictures.append({"bytes": png(Image.fromarray(np.stack([labels] * 3, -1) // 2)), "path": None})
        masks.append({"bytes": png(mask), "path": None})
    features = Features({"image": ImageFeature(), "mask": ImageFeature(), "objects": {"bbox": List(Value("int64"))}})
    rows = {"image": pictures, "mask": masks, "objects": [{"bbox": [20, 10, 30, 20]}] * 3}
    (folder / "data").mkdir(parents=True)
    Dataset.from_dict(rows, features=features).to_parquet(str(folder / "data/train-00000-of-00001.parquet"))
    return folder


def png(image: Image.Image) -> bytes:
    content = BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def test_masks_with_palettes_move_with_the_pictures_of_an_image_dataset(tmp_path: Path) -> None:
    source = segmentation(tmp_path / "source")
    augmentation = {
        "transforms": ["cropResize", "affine"],
        "cropResize": {"size": {"min": 0.5, "max": 0.7}},
        "alsoApplyTo": {"image": ["mask"]},
    }
    run = run_of(tmp_path / "job", source, tmp_path / "result", augmentation={**augmentation, "copies": 2})
    run.run_all()
    (made,) = (tmp_path / "result").glob("augmented/*.parquet")
    rows = pq.read_table(made).to_pylist()
    assert len(rows) == 6
    for number, row in enumerate(rows):
        picture, mask = (Image.open(BytesIO(row[name]["bytes"])) for name in ("image", "mask"))
        assert mask.mode == "P"
        assert (mask.getpalette() or [])[:6] == [0, 255, 7, 1, 254, 7]
        labels, seen = np.array(mask), np.array(picture)[..., 0]
        assert set(np.unique(labels)) <= {0, 1, 255}
        # The picture shows half of the label: 127 in the corner, 0 elsewhere.
        assert ((seen > 100) <= (labels == 255)).mean() > 0.97, number
        assert ((seen == 0) <= (labels < 255)).mean() > 0.97, number
        assert not np.array_equal(labels, images(source, "mask")[number // 2])
    card = (tmp_path / "result/README.md").read_text()
    assert "| Moved with their camera | mask with image |" in card
    assert "the values of objects.bbox stay the source's" in card
    spec = AugmentationJobSpec.model_validate(
        {"source": {"hub": {"repoID": "lab/odd"}}, "augmentation": {**augmentation, "alsoApplyTo": None}}
    )
    warnings = resolve_images(FolderSource(source, "lab/odd"), spec, tmp_path / "scratch", None).warnings
    assert any("not those of mask" in warning for warning in warnings)
    assert any("the values of objects.bbox stay the source's" in warning for warning in warnings)
